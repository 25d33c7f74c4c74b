"""What an agent's run stands on in a worker: the stores, for one execution."""

from perdure.activities.heartbeats import HeartbeatEmitter
from perdure.agents.runs.run import Run
from perdure.models import Goal, Result, Usage
from perdure.settings import Settings
from perdure.stores import Stores
from perdure.stores.database.fencing import Claim


class ExecutionContext:
    """One execution's journal, waits, ledger and emitter.

    Attributes:
        claim: The execution.
        again: Whether another execution held the run before.
        emitter: Who is told what the agent tells.
    """

    def __init__(self, stores: Stores, claim: Claim, *, again: bool) -> None:
        """Open them.

        Args:
            stores: The stores.
            claim: The execution.
            again: Whether another execution held the run before.
        """
        self.claim = claim
        self._stores = stores
        self.again = again
        self._told = stores.emitter(claim, is_retry=again)
        self.emitter = HeartbeatEmitter(self._told)
        self._journal = stores.context.journal(claim, self._told.drain)
        self._ledger = stores.ledger.for_execution(claim)

    def run(self, goal: Goal, settings: Settings) -> Run:
        """Return the run that the agent is handed."""
        return Run(
            goal,
            self._journal,
            self._stores.artifacts.writer(self.claim),
            self.emitter,
            waits=self._stores.waits.of(self.claim),
            ledger=self._ledger,
            workflow_id=self.claim.workflow_id,
            model=settings.model,
            responses=self._stores.responses if settings.model_cache else None,
        )

    async def keep(self, result: Result) -> None:
        """Keep a result, whole or in part, as the run's draft.

        Raises:
            Fenced: Another execution holds the run by now.
            JournalFailed: The stores were away for a minute.
        """
        if result.usage == Usage() and (self.again or self._ledger.has_entries):
            spent = (await self._stores.ledger.of(self.claim.workflow_id)).spent
            metadata = result.metadata | {"tokens_used": spent.tokens_used}
            result = result.model_copy(update={"usage": spent, "metadata": metadata})
        await self._stores.results.draft(self.claim, result)

    async def close(self) -> None:
        """Store what was held back: the last progress, and what the pass has saved."""
        await self._told.close()
        if self.again or self._ledger.has_entries or self.claim.budget is not None:
            await self._ledger.close(self._journal.worked())
