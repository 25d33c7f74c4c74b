"""A pydantic-ai model whose requests are journaled steps of a run.

Any pydantic-ai agent that is handed one becomes durable: a request that was answered once is
answered from the journal on every later pass, and is never paid again.
"""

import itertools
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self, cast

import structlog
from pydantic import JsonValue
from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models import (
    CompletedStreamedResponse,
    Model,
    ModelRequestParameters,
    StreamedResponse,
)
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings, merge_model_settings

from perdure.agents.model_calls.breaker import BREAKERS, Breaker, Breakers
from perdure.agents.model_calls.budget import BudgetGuard, Reservation, TokenRequest
from perdure.agents.model_calls.errors import failed_request, request_failure
from perdure.agents.model_calls.key import request_digest
from perdure.agents.model_calls.request import ModelCall, Patience, Told, Try
from perdure.agents.model_calls.responses import decoded, encoded, estimated_input, price, usage_of
from perdure.agents.steps.journal import EventEmitter, Ledger, StepKey, StepOutcome, stream_of
from perdure.agents.steps.retry import CLOCK, Clock, retried
from perdure.agents.steps.run_closed import Fenced, JournalFailed, RunClosed
from perdure.agents.steps.steps import STEP_NAME_CHARACTERS, Steps
from perdure.models import EventType, Usage

PATIENCE: Final = Patience()

_log: Final = structlog.get_logger(__name__)


class ResponseCache(Protocol):
    """Answers to requests that any run may have made before; off unless one is given."""

    async def get(self, digest: str) -> str | None:
        """Return the answer to a request, as it was put; ``None`` when there is none."""

    async def put(self, digest: str, text: str, usage: Usage) -> None:
        """Keep an answer, and what it has cost."""


@dataclass(frozen=True, slots=True)
class _Received:
    response: ModelResponse
    text: str
    usage: Usage
    reservation: Reservation | None  # none when the cache had it


class DurableModel(WrapperModel):
    """Wraps a model so that each of its requests is a step of a run.

    A streamed request is received to its end before the agent sees any of it: what is handed out
    is in the journal, on the first pass as on later ones, and a try that breaks off half-way is
    repeated without the agent noticing. Readers of the run see the text as it comes.
    """

    def __init__(
        self,
        wrapped: Model,
        steps: Steps,
        ledger: Ledger | BudgetGuard,
        listener: EventEmitter,
        *,
        breakers: Breakers = BREAKERS,
        cache: ResponseCache | None = None,
        patience: Patience = PATIENCE,
        shared: bool = False,
        clock: Clock = CLOCK,
    ) -> None:
        """Bind a model to a run.

        Args:
            wrapped: The model that is asked.
            steps: The run's journal.
            ledger: What the run spends. Models of one run that share a :class:`BudgetGuard` wait for what
                the others hold back of its budget.
            listener: Who is told of text, tool calls and usage.
            breakers: One a provider; those of the process when not given.
            cache: Answers of other runs.
            patience: How long the provider may say nothing, unless the agent's settings say so.
            shared: Whether other runs ask the same model at the same time: its connections are
                then not closed when this one is done.
            clock: Where the waits between tries come from.
        """
        super().__init__(wrapped)
        self._steps = steps
        self._purse = ledger if isinstance(ledger, BudgetGuard) else BudgetGuard(ledger)
        self._listener = listener
        self._breakers = breakers
        self._cache = cache
        self._patience = patience
        self._shared = shared
        self._clock = clock

    async def __aenter__(self) -> Self:
        return self if self._shared else await super().__aenter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        return None if self._shared else await super().__aexit__(exc_type, exc_val, exc_tb)

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Answer from the journal, or ask the model and journal what it says.

        Raises:
            StepFailed: The request failed, on this pass or on the one that made it; it is also the
                error of pydantic-ai that it stands for.
        """
        call = ModelCall(messages, model_settings, model_request_parameters, False, None)
        return await self._answer(call)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[object] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Do the same with a stream; its parts are handed out when it is complete.

        Raises:
            StepFailed: See :meth:`request`.
        """
        call = ModelCall(messages, model_settings, model_request_parameters, True, run_context)
        response = await self._answer(call)
        yield CompletedStreamedResponse(
            response, model_request_parameters=model_request_parameters, replay_events=True
        )

    def step_of(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> tuple[str, str]:
        """Return the name and the input of the step that a request is."""
        model = f"{self.system}:{self.model_name}"
        settings = cast("Mapping[str, object] | None", model_settings)
        digest = request_digest(model, messages, settings, model_request_parameters)
        return f"model {self.model_name}"[:STEP_NAME_CHARACTERS], digest

    def _start_request_deadline(self, *_: object, **__: object) -> None:
        # A deadline around the step would end it with nothing in the journal, and elsewhere on the
        # next pass. Each try has its own instead.
        return None

    async def _answer(self, call: ModelCall) -> ModelResponse:
        name, digest = self.step_of(call.messages, call.settings, call.parameters)
        key = self._steps.key(name, digest)
        answer = await self._steps.answered(key)
        cause: Exception | None = None
        if answer is None:
            async with self._steps.doing(key):
                answer, cause = await self._perform(key, call, digest)
        elif answer.usage != Usage():
            await self._purse.ledger.save(answer.usage)
        if answer.failure is not None:
            raise failed_request(key, answer.failure, self.model_name) from cause
        return decoded(answer.value or "")

    async def _perform(
        self, key: StepKey, call: ModelCall, digest: str
    ) -> tuple[StepOutcome, Exception | None]:
        started = time.monotonic()
        numbers = itertools.count(1)
        try:
            received = await self._cached(digest)
            if received is None:
                received = await retried(
                    lambda: self._try(key, call, next(numbers)), clock=self._clock
                )
        except Exception as error:  # noqa: BLE001 -- whatever it raises is the step's answer
            failed = StepOutcome("", request_failure(error), _seconds_since(started))
            await self._steps.record(key, failed)
            return failed, error
        answer = StepOutcome(received.text, None, _seconds_since(started), received.usage)
        await self._keep(key, answer, received)
        await self._tell(key, received, call.parameters)
        await self._put(digest, received)
        return answer, None

    async def _try(self, key: StepKey, call: ModelCall, number: int) -> _Received:
        settings = merge_model_settings(self.wrapped.settings, call.settings) or {}
        sent = estimated_input(call.messages, call.parameters)
        wanted = TokenRequest(self.model_name, sent, settings.get("max_tokens"), self._price)
        stream = stream_of(key) if number == 1 else f"{stream_of(key)}.{number}"
        told = Told(self._listener, stream)
        with self._breaker.request():
            reservation = await self._purse.reserve(key, wanted)
            asked = Try(self.wrapped, call, wanted, reservation, told, self._patience)
            try:
                response = await asked.response()
                return _Received(response, encoded(response), asked.spent(), reservation)
            except BaseException as error:
                await self._purse.settle(reservation, asked.spent(error), kept=False)
                if not isinstance(error, RunClosed):
                    await told.withdraw()
                raise

    async def _keep(self, key: StepKey, answer: StepOutcome, received: _Received) -> None:
        kept = False
        try:
            await self._steps.record(key, answer)
            kept = True
        except RunClosed as reason:
            # A run that was closed meanwhile, for another reason, has journaled it all the same.
            kept = not isinstance(reason, Fenced | JournalFailed)
            raise
        finally:
            if received.reservation is not None:
                await self._purse.settle(received.reservation, received.usage, kept=kept)

    async def _tell(
        self, key: StepKey, received: _Received, parameters: ModelRequestParameters
    ) -> None:
        """Tell what the answer was about, once it is durable.

        A crash just before leaves it untold: told before, it would be told again by whoever makes
        the request again.
        """
        if received.reservation is not None:
            told: dict[str, JsonValue] = dict(received.usage.model_dump())
            await self._note("usage", {"step": key.name, "model": self.model_name, **told})
        outputs = {tool.name for tool in parameters.output_tools}
        for part in received.response.parts:
            if isinstance(part, ToolCallPart) and part.tool_name not in outputs:
                call: dict[str, JsonValue] = {
                    "step": key.name,
                    "tool": part.tool_name,
                    "tool_call_id": part.tool_call_id,
                }
                await self._note("tool.called", call)

    async def _note(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        try:
            await self._listener.note(type_, data)
        except Exception as error:  # noqa: BLE001 -- the answer is there, told or not
            _log.warning("what a model did is not told", type=type_, error=str(error))

    async def _cached(self, digest: str) -> _Received | None:
        text = None if self._cache is None else await self._cache.get(digest)
        if text is None:
            return None
        try:
            response = decoded(text)
        except ValueError:  # another version's
            return None
        await self._purse.ledger.save(usage_of(response))
        return _Received(response, text, Usage(), None)

    async def _put(self, digest: str, received: _Received) -> None:
        if self._cache is None or received.reservation is None:
            return
        try:
            await self._cache.put(digest, received.text, received.usage)
        except Exception as error:  # noqa: BLE001 -- the answer is there, cached or not
            _log.warning("an answer is not cached", model=self.model_name, error=str(error))

    def _price(self, input_tokens: int, output_tokens: int) -> float:
        return price(self.model_name, self.system, self.base_url, input_tokens, output_tokens)

    @property
    def _breaker(self) -> Breaker:
        where = f" at {self.base_url}" if self.base_url else ""
        return self._breakers.of(f"{self.system}{where}")


def _seconds_since(started: float) -> float:
    return round(time.monotonic() - started, 6)
