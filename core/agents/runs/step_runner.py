"""The steps of a run that are functions: executed, or answered from the journal."""

import hashlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from pydantic import JsonValue

from perdure.agents.events.step_events import StepEvents
from perdure.agents.policy.acting_tool import current_act
from perdure.agents.policy.gate import PolicyGate, step_parameters, tool_parameters
from perdure.agents.runs.step_turns import step_turn
from perdure.agents.runs.text_streams import TextStreams
from perdure.agents.steps.errors import (
    OutcomeUnknown,
    PermanentError,
    PolicyDenied,
    failed_step,
)
from perdure.agents.steps.journal import Ledger
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.return_types import ReturnType, UnreadableType, return_type
from perdure.agents.steps.step_execution import ExecutedStep, execute_step, step_usage
from perdure.agents.steps.step_values import decode_value
from perdure.agents.steps.steps import Steps, current_step
from perdure.models import NO_USAGE, Usage
from perdure.telemetry.traces.steps import answered_from_journal
from perdure.telemetry.traces.steps import step as recorded_step


class StepRunner:
    """Executes a run's functions as steps, and enters their usage in its ledger."""

    def __init__(
        self,
        workflow_id: str,
        steps: Steps,
        ledger: Ledger,
        texts: TextStreams,
        events: StepEvents,
        policy: PolicyGate,
    ) -> None:
        self._workflow_id = workflow_id
        self._steps = steps
        self._ledger = ledger
        self._texts = texts
        self._events = events
        self._policy = policy

    async def run(
        self,
        key: StepKey,
        function: Callable[..., object],
        args: tuple[object, ...],
        kwargs: dict[str, object],
        *,
        once: bool,
        idempotency_key: bool,
        parameters: Mapping[str, JsonValue] | None = None,
        is_judged: bool = True,
    ) -> object:
        """Return the value of a step; see :meth:`perdure.agents.Run.step`.

        Args:
            key: The step.
            function: Its function.
            args: The arguments by position.
            kwargs: The arguments by name.
            once: See there.
            idempotency_key: See there.
            parameters: What the policy is told that the step is given, where that is not the
                arguments.
            is_judged: Whether the policy has a say; not in what has no effect outside of the run.
        """
        returned = _return_type(key, function)
        await step_turn()
        recorded = await self._steps.recorded_outcome(key)
        if recorded is not None:
            answered_from_journal(key.name, key.number)
            if recorded.usage.tokens_used:
                await self._ledger.save(recorded.usage)
            if recorded.failure is not None:
                raise failed_step(key, recorded.failure)
            try:
                return decode_value(recorded.value or "null", returned, step=key.name)
            except PermanentError as error:
                if once and await self._steps.unsettle(key):
                    raise self._unknown_outcome(
                        key,
                        f"step {key.name!r} was settled with a value that does not fit its"
                        f" function's annotation -> {returned.name}",
                    ) from error
                raise
        denied: PolicyDenied | None = None
        if is_judged and not self._policy.is_open:
            denied = await self._refusal(key, function, args, kwargs, parameters)
        if idempotency_key:
            kwargs["idempotency_key"] = self._idempotency_key(key)
        async with self._steps.executing(key, once=once) as is_unknown:
            if is_unknown:
                raise self._unknown_outcome(
                    key, f"step {key.name!r} was begun, and whether it took effect is not known"
                )
            if denied is not None:
                raise await self._policy.deny(key, denied) from denied
            executed = await self._execute(key, function, args, kwargs, returned, once=once)
        if executed.outcome.failure is not None:
            raise failed_step(key, executed.outcome.failure) from executed.error
        return executed.value

    async def _refusal(
        self,
        key: StepKey,
        function: Callable[..., object],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        parameters: Mapping[str, JsonValue] | None,
    ) -> PolicyDenied | None:
        act = current_act()
        if act is not None:
            return await self._policy.refusal(key, tool_parameters(act.arguments), act.tool)
        return await self._policy.refusal(
            key, step_parameters(function, args, kwargs) if parameters is None else parameters
        )

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
        returned: ReturnType,
        *,
        once: bool,
    ) -> ExecutedStep:
        with recorded_step(key.name, key.number, key.digest, key.occurrence) as span:
            try:
                executed = await self._execute_and_record(
                    key, function, args, kwargs, returned, once=once
                )
            except BaseException:
                if self._steps.goes_on_elsewhere:
                    span.repeated()
                raise
            span.used(executed.outcome.usage)
            span.failed(executed.outcome.failure)
        return executed

    async def _execute_and_record(
        self,
        key: StepKey,
        function: Callable[..., object],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        returned: ReturnType,
        *,
        once: bool,
    ) -> ExecutedStep:
        usages: dict[int, Usage] = {}
        token = step_usage.set(usages)
        try:
            before_retry = partial(self._before_retry, key)
            async with self._events.executing(key):
                executed = await execute_step(
                    key,
                    function,
                    args,
                    kwargs,
                    returned,
                    once=once,
                    before_retry=before_retry,
                    threads=self._steps.threads,
                )
        finally:
            step_usage.reset(token)
        outcome = executed.outcome
        if outcome.failure is not None:
            await self._texts.withdraw(key)
        if usages:
            outcome = replace(outcome, usage=sum(usages.values(), NO_USAGE))
        await self._steps.record(key, outcome)
        for entry, usage in usages.items():
            await self._ledger.settle(entry, usage, kept=outcome.failure is None)
        return replace(executed, outcome=outcome)

    async def _before_retry(self, key: StepKey) -> None:
        await self._steps.check_claim()
        await self._texts.withdraw(key)

    def _unknown_outcome(self, key: StepKey, what: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{what}: find out, say so with perdure goals settle {self._workflow_id} --step"
            f" {shlex.quote(key.name)} and --done VALUE (what it returned, as JSON) or --not-done,"
            f" then perdure goals retry {self._workflow_id}"
        )

    def _idempotency_key(self, key: StepKey) -> str:
        text = f"{self._workflow_id}:{key.name}:{key.digest}:{key.occurrence}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _return_type(key: StepKey, function: Callable[..., object]) -> ReturnType:
    if not callable(function):
        raise PermanentError(
            f"step {key.name!r} was given {type(function).__name__} where its function belongs:"
            " give it a function, and after it the arguments"
        )
    try:
        return return_type(function)
    except UnreadableType as error:
        raise PermanentError(
            f"step {key.name!r} is not started, because what its function is annotated to return,"
            f" {error.annotation}, could not be read back from the journal ({error}): return plain"
            " data, a Pydantic model or a dataclass"
        ) from error
