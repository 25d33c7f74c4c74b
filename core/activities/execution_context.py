"""The stores, as one execution of a run uses them."""

from perdure.activities.heartbeats import HeartbeatEmitter
from perdure.agents.cache.folder import cache_folder
from perdure.agents.cache.run_cache import RunCache
from perdure.agents.model_calls.circuit_breaker import CircuitBreakers
from perdure.agents.runs.run import Run
from perdure.agents.runs.run_delegates import DelegateAgents
from perdure.models import Goal, Result, Usage
from perdure.policy.policy import PolicyInForce
from perdure.settings import Settings
from perdure.stores import Stores
from perdure.stores.database.fencing import Claim


class ExecutionContext:
    """One execution's journal, waits, ledger and emitter.

    Attributes:
        claim: The execution.
        is_retry: Whether another execution has claimed the run before.
        emitter: Takes what the agent emits.
        is_paused: Whether the execution has ended because somebody asked to pause the run.
    """

    def __init__(
        self,
        stores: Stores,
        claim: Claim,
        breakers: CircuitBreakers,
        policy: PolicyInForce | None,
        *,
        is_retry: bool,
    ) -> None:
        """Open them.

        Args:
            stores: The stores.
            claim: The execution.
            breakers: The circuit breakers of models' providers.
            policy: The rules that are asked before anything is done.
            is_retry: Whether another execution has claimed the run before.
        """
        self.claim = claim
        self._breakers = breakers
        self._policy = policy
        self._stores = stores.of(claim.tenant)
        self.is_retry = is_retry
        self.is_paused = False
        self._event_writer = stores.emitter(claim, is_retry=is_retry)
        self.emitter = HeartbeatEmitter(self._event_writer)
        self._journal = stores.context.journal(claim, self._event_writer.drain)
        self._ledger = stores.ledger.for_execution(claim)

    def run(self, goal: Goal, settings: Settings, agents: DelegateAgents) -> Run:
        """Return the run that the agent gets.

        Args:
            goal: What is asked.
            settings: The worker's.
            agents: The agents that it may delegate to.
        """
        # What is made of goals' files lies there as it is, so nothing of encrypted stores is kept.
        most_bytes = 0 if settings.encryption_keys else settings.run_cache_bytes
        folder = cache_folder(settings.home / "run-cache", most_bytes)
        return Run(
            goal,
            self._journal,
            self._stores.artifacts.writer(self.claim),
            self.emitter,
            waits=self._stores.waits.for_execution(self.claim, self._event_writer.drain),
            ledger=self._ledger,
            workflow_id=self.claim.workflow_id,
            model=settings.model,
            responses=self._stores.responses if settings.model_cache else None,
            breakers=self._breakers,
            cache=RunCache(folder, goal.agent_type, self.claim.tenant),
            scores=self._stores.scores.writer(self.claim),
            policy=self._policy,
            notebook=self._stores.notebook.for_execution(self.claim),
            agents=agents,
        )

    async def store_draft(self, result: Result) -> None:
        """Store a result, complete or partial, as the run's draft.

        Raises:
            Fenced: Another execution has claimed the run.
            JournalFailed: The stores were away for a minute.
        """
        if result.usage == Usage() and (self.is_retry or self._ledger.has_entries):
            spent = (await self._stores.ledger.of(self.claim.workflow_id)).spent
            metadata = result.metadata | {"tokens_used": spent.tokens_used}
            result = result.model_copy(update={"usage": spent, "metadata": metadata})
        await self._stores.results.draft(self.claim, result)

    async def close(self) -> None:
        """Store what is buffered: the last progress, and what the execution has saved."""
        await self._event_writer.close()
        if self.is_retry or self._ledger.has_entries or self.claim.budget is not None:
            await self._ledger.close(self._journal.take_elapsed())
