"""The answers of one run that a model gives, or its agent's rules where the model fails.

Whatever is decided is journaled, so that a later execution goes the same way: the run's model when
it is first asked for, and for each answer whether it is the model's once that is certain.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pydantic import JsonValue

from perdure.agents.model_calls.answers import (
    Answer,
    AnswerRefused,
    ModelChoice,
    WayTaken,
    is_unforeseen,
    seconds_to_wait,
    way_around,
    ways_metadata,
)
from perdure.agents.model_calls.budget import BudgetGuard
from perdure.agents.runs.step_runner import StepRunner
from perdure.agents.steps.errors import PermanentError, failure_from
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.steps import Steps

if TYPE_CHECKING:
    from perdure.agents.model_calls.durable_model import DurableModel

T = TypeVar("T")
D = TypeVar("D")

# A provider that asks to wait is waited for, without a worker, until it has asked for so long.
MOST_SECONDS_TO_WAIT: Final = 900.0
# What a request to wait counts that names no time.
_UNNAMED_SECONDS: Final = 60.0


class ModelAnswers:
    """The answers of a run, and the model that gives them."""

    def __init__(
        self,
        steps: Steps,
        runner: StepRunner,
        budget: BudgetGuard,
        durable: "Callable[[str], DurableModel]",
        name: str,
    ) -> None:
        """Bind them to a run.

        Args:
            steps: Its steps.
            runner: Executes them.
            budget: Its budget.
            durable: Returns a model by its name, its requests journaled.
            name: The model that the settings name; empty when they name none.
        """
        self._steps = steps
        self._runner = runner
        self._budget = budget
        self._durable = durable
        self._name = name
        self._choice: ModelChoice | None = None
        self._choosing = asyncio.Lock()
        self._answers: list[Answer[Any]] = []

    def metadata(self) -> dict[str, JsonValue]:
        """Return what the result's metadata says of the answers so far."""
        return ways_metadata(self._answers)

    async def choice(self) -> ModelChoice:
        """Return the model that the run had when it was first asked for."""
        async with self._choosing:
            if self._choice is None:
                key = self._steps.key("choose a model", [])
                self._choice = await self._step(key, self._choose)
        return self._choice

    async def answer(
        self,
        name: str,
        attempt: Callable[..., Awaitable[T]],
        otherwise: Callable[..., Awaitable[T]],
        args: tuple[object, ...],
        check: Callable[[T], object] | None,
    ) -> Answer[T]:
        """Return an answer; see :meth:`perdure.agents.Run.try_model`."""
        key = self._steps.key(name, ["way", *args])
        choice = await self.choice()
        model, way, answer = choice.model, await self._way_recorded(key), None
        if not model:
            way = WayTaken(way="rules", reason=choice.reason)
        elif way is not None and way.way == "rules":
            await self._replay(model, attempt, args, check)
        else:
            way, answer = await self._try(
                key, model, attempt, args, check, is_recorded=way is not None
            )
        if way.budget_is_spent:
            self._budget.end(way.reason)
        if answer is None:
            answer = Answer(await otherwise(*args), "rules", model, way.reason)
        self._answers.append(answer)
        return answer

    async def _choose(self) -> ModelChoice:
        try:
            self._durable(self._name)
        except PermanentError as error:
            return ModelChoice(reason=failure_from(error).message)
        return ModelChoice(model=self._name)

    async def _way_recorded(self, key: StepKey) -> WayTaken | None:
        outcome = await self._steps.recorded_outcome(key)
        return None if outcome is None else WayTaken.model_validate_json(outcome.value or "")

    async def _try(
        self,
        key: StepKey,
        model: str,
        attempt: Callable[..., Awaitable[T]],
        args: tuple[object, ...],
        check: Callable[[T], object] | None,
        *,
        is_recorded: bool,
    ) -> tuple[WayTaken, Answer[T] | None]:
        """Return which way was taken, and the model's answer if it was the model's."""
        answer: Answer[T] | None = None
        asked: DurableModel | None = None
        try:
            asked = self._durable(model)
            value = await attempt(asked, *args)
            await _check(check, value)
        except Exception as error:
            way = way_around(error, model)
            if asked is not None:
                await asked.abandon_calls(failure_from(error).message)
            # What the goal has gone on with since is not given another way.
            if is_recorded or way is None or await self._is_waited_for(key, error):
                raise
            if is_unforeseen(error):
                _warn_of(error, key.name, model)
        else:
            way, answer = WayTaken(way="model"), Answer(value, "model", model)

        async def decide() -> WayTaken:
            return way

        return await self._step(key, decide), answer

    async def _replay(
        self,
        model: str,
        attempt: Callable[..., Awaitable[T]],
        args: tuple[object, ...],
        check: Callable[[T], object] | None,
    ) -> None:
        """Go through an attempt that failed, so that later steps are counted as they were."""
        with suppress(Exception):  # it has failed, in whatever way it fails this time
            await _check(check, await attempt(self._durable(model).recorded_only(), *args))

    async def _is_waited_for(self, key: StepKey, error: Exception) -> bool:
        """Return whether the goal is to wait as the provider asks, and count that it does."""
        seconds = seconds_to_wait(error)
        if seconds is None:
            return False
        waited = 0.0
        for number in count():
            is_new = False

            async def wait() -> float:
                nonlocal is_new
                is_new = True
                return seconds or _UNNAMED_SECONDS

            inputs = [key.name, key.digest, key.occurrence, number]
            waited += await self._step(self._steps.key("wait for the model", inputs), wait)
            if is_new:
                break
        return waited <= MOST_SECONDS_TO_WAIT

    async def _step(self, key: StepKey, function: Callable[[], Awaitable[D]]) -> D:
        value = await self._runner.run(
            key, function, (), {}, once=False, idempotency_key=False, is_judged=False
        )
        return cast("D", value)  # as its function is annotated


async def _check(check: Callable[[T], object] | None, value: T) -> None:
    if check is None:
        return
    try:
        checked = check(value)
        if inspect.isawaitable(checked):
            await checked
    except ValueError as error:
        raise AnswerRefused(str(error)) from error


def _warn_of(error: Exception, name: str, model: str) -> None:
    # Commands that run no agent import this module too, and do without.
    import structlog

    structlog.get_logger(__name__).warning(
        "work with a model failed, and is done by rules", work=name, model=model, exc_info=error
    )
