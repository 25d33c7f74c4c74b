"""The steps of a run that are functions: executed, or answered from the journal."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from perdure.agents.runs.text_streams import TextStreams
from perdure.agents.steps.encoding import decode, return_type
from perdure.agents.steps.errors import OutcomeUnknown, PermanentError, StepFailed
from perdure.agents.steps.journal import EventEmitter, Ledger, StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.step_execution import execute_step, step_started_event, step_usage
from perdure.agents.steps.steps import Steps, current_step
from perdure.models import Usage


class StepRunner:
    """Executes a run's functions as steps, and enters their usage in its ledger."""

    def __init__(
        self,
        workflow_id: str,
        steps: Steps,
        ledger: Ledger,
        texts: TextStreams,
        emitter: EventEmitter,
    ) -> None:
        self._workflow_id = workflow_id
        self._steps = steps
        self._ledger = ledger
        self._texts = texts
        self._emitter = emitter

    async def run(
        self,
        key: StepKey,
        function: Callable[..., object],
        args: tuple[object, ...],
        kwargs: dict[str, object],
        *,
        once: bool,
        idempotency_key: bool,
    ) -> object:
        """Return the value of a step; see :meth:`perdure.agents.Run.step`."""
        returned = return_type(function)
        recorded = await self._steps.recorded_outcome(key)
        if recorded is not None:
            if recorded.usage.tokens_used:
                await self._ledger.save(recorded.usage)
            return _value(key, recorded, returned, None)
        if idempotency_key:
            kwargs["idempotency_key"] = self._idempotency_key(key)
        async with self._steps.executing(key, once=once) as is_unknown:
            if is_unknown:
                raise OutcomeUnknown(
                    f"step {key.name!r} was begun, and whether it took effect is not known: find"
                    " out, then hand the goal in again"
                )
            outcome, cause = await self._execute(key, function, args, kwargs, once=once)
        return _value(key, outcome, returned, cause)

    async def spend(self, usage: Usage, model: str) -> None:
        """Enter usage that the current step reports; see :meth:`perdure.agents.Run.spend`.

        Raises:
            PermanentError: No step is executing.
            BudgetExceeded: The goal's budget does not allow it.
        """
        key, usages = current_step.get(), step_usage.get()
        if key is None or usages is None:
            raise PermanentError(
                "run.spend belongs inside a step: call it where the model is asked"
            )
        usages[await self._ledger.reserve(key, model, usage)] = usage

    async def _execute(
        self,
        key: StepKey,
        function: Callable[..., object],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        *,
        once: bool,
    ) -> tuple[StepOutcome, Exception | None]:
        usages: dict[int, Usage] = {}
        token = step_usage.set(usages)
        try:
            before_retry = partial(self._before_retry, key)
            async with step_started_event(key.name, self._emitter):
                outcome, cause = await execute_step(
                    key, function, args, kwargs, once=once, before_retry=before_retry
                )
        finally:
            step_usage.reset(token)
        if outcome.failure is not None:
            await self._texts.withdraw(key)
        if usages:
            outcome = replace(outcome, usage=sum(usages.values(), Usage()))
        await self._steps.record(key, outcome)
        for entry, usage in usages.items():
            await self._ledger.settle(entry, usage, kept=outcome.failure is None)
        return outcome, cause

    async def _before_retry(self, key: StepKey) -> None:
        await self._steps.check_claim()
        await self._texts.withdraw(key)

    def _idempotency_key(self, key: StepKey) -> str:
        text = f"{self._workflow_id}:{key.name}:{key.digest}:{key.occurrence}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _value(key: StepKey, outcome: StepOutcome, returned: object, cause: Exception | None) -> object:
    if outcome.failure is not None:
        raise StepFailed(key, outcome.failure) from cause
    return decode(outcome.value or "null", returned)
