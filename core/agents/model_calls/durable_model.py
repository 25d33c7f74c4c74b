"""A pydantic-ai model whose requests are journaled steps of a run.

Any pydantic-ai agent that is handed one becomes durable: a request that was answered once is
answered from the journal in every later execution, and is never paid again.
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

from perdure.agents.model_calls.budget import BudgetGuard, Reservation, TokenRequest
from perdure.agents.model_calls.circuit_breaker import (
    CIRCUIT_BREAKERS,
    CircuitBreaker,
    CircuitBreakers,
)
from perdure.agents.model_calls.errors import request_error, request_failure
from perdure.agents.model_calls.request import ModelCall, RequestTry, ResponseText, ResponseTimeouts
from perdure.agents.model_calls.request_digest import request_digest
from perdure.agents.model_calls.responses import (
    decode_response,
    encode_response,
    estimate_input_tokens,
    price,
    usage_of,
)
from perdure.agents.steps.journal import EventEmitter, Ledger, StepOutcome
from perdure.agents.steps.keys import StepKey, stream_of
from perdure.agents.steps.retry import CLOCK, Clock, retry_in_place
from perdure.agents.steps.run_closed import Fenced, JournalFailed, RunClosed
from perdure.agents.steps.steps import STEP_NAME_CHARACTERS, Steps
from perdure.models import EventType, Usage

DEFAULT_TIMEOUTS: Final = ResponseTimeouts()

_log: Final = structlog.get_logger(__name__)


class ResponseCache(Protocol):
    """The responses to requests of any run; off unless one is given."""

    async def get(self, digest: str) -> str | None:
        """Return the response to a request, as it was put; ``None`` when there is none."""

    async def put(self, digest: str, text: str, usage: Usage) -> None:
        """Keep a response, and what it has cost."""


@dataclass(frozen=True, slots=True)
class _CountedResponse:
    """A response, its JSON text, what it has used, and what was reserved for it."""

    response: ModelResponse
    text: str
    usage: Usage
    reservation: Reservation | None  # none when it is from the cache


class DurableModel(WrapperModel):
    """Wraps a model so that each of its requests is a step of a run.

    A stream is received to its end before the agent sees any of it: what the agent gets is in the
    journal, in the first execution as in later ones, and a try that breaks off half-way is repeated
    without the agent noticing. Readers of the run see the text as it comes.
    """

    def __init__(
        self,
        wrapped: Model,
        steps: Steps,
        ledger: Ledger | BudgetGuard,
        emitter: EventEmitter,
        *,
        breakers: CircuitBreakers = CIRCUIT_BREAKERS,
        cache: ResponseCache | None = None,
        timeouts: ResponseTimeouts = DEFAULT_TIMEOUTS,
        shared: bool = False,
        clock: Clock = CLOCK,
    ) -> None:
        """Bind a model to a run.

        Args:
            wrapped: The model that is asked.
            steps: The run's steps.
            ledger: The run's ledger. Models of one run that share a :class:`BudgetGuard` wait for
                what the others have reserved of its budget.
            emitter: Takes text, tool calls and usage.
            breakers: One per provider; those of the process when not given.
            cache: The responses to other runs.
            timeouts: How long the provider may send nothing, unless the agent's settings say so.
            shared: Whether other runs ask the same model at the same time: its connections are
                then not closed when this one is done.
            clock: The source of the waits between tries.
        """
        super().__init__(wrapped)
        self._steps = steps
        self._budget = ledger if isinstance(ledger, BudgetGuard) else BudgetGuard(ledger)
        self._emitter = emitter
        self._breakers = breakers
        self._cache = cache
        self._timeouts = timeouts
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
        """Return the response in the journal, or ask the model and journal its response.

        Raises:
            StepFailed: The request failed, in this execution or in an earlier one; it is also the
                error of pydantic-ai that it stands for.
        """
        call = ModelCall(messages, model_settings, model_request_parameters, False, None)
        return await self._respond(call)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[object] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Do the same with a stream; the agent gets its parts when it is complete.

        Raises:
            StepFailed: See :meth:`request`.
        """
        call = ModelCall(messages, model_settings, model_request_parameters, True, run_context)
        response = await self._respond(call)
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
        # A deadline around the step would end it with nothing in the journal, and elsewhere in the
        # next execution. Each try has its own instead.
        return None

    async def _respond(self, call: ModelCall) -> ModelResponse:
        name, digest = self.step_of(call.messages, call.settings, call.parameters)
        key = self._steps.key(name, digest)
        outcome = await self._steps.recorded_outcome(key)
        cause: Exception | None = None
        if outcome is None:
            async with self._steps.executing(key):
                outcome, cause = await self._execute(key, call, digest)
        elif outcome.usage != Usage():
            await self._budget.ledger.save(outcome.usage)
        if outcome.failure is not None:
            raise request_error(key, outcome.failure, self.model_name) from cause
        return decode_response(outcome.value or "")

    async def _execute(
        self, key: StepKey, call: ModelCall, digest: str
    ) -> tuple[StepOutcome, Exception | None]:
        started = time.monotonic()
        numbers = itertools.count(1)
        try:
            received = await self._from_cache(digest)
            if received is None:
                received = await retry_in_place(
                    lambda: self._try_once(key, call, next(numbers)), clock=self._clock
                )
        except Exception as error:  # noqa: BLE001 -- whatever it raises is the step's outcome
            failed = StepOutcome("", request_failure(error), _seconds_since(started))
            await self._steps.record(key, failed)
            return failed, error
        outcome = StepOutcome(received.text, None, _seconds_since(started), received.usage)
        await self._record(key, outcome, received)
        await self._emit_events(key, received, call.parameters)
        await self._add_to_cache(digest, received)
        return outcome, None

    async def _try_once(self, key: StepKey, call: ModelCall, number: int) -> _CountedResponse:
        settings = merge_model_settings(self.wrapped.settings, call.settings) or {}
        sent = estimate_input_tokens(call.messages, call.parameters)
        request = TokenRequest(self.model_name, sent, settings.get("max_tokens"), self._price)
        stream = stream_of(key) if number == 1 else f"{stream_of(key)}.{number}"
        text = ResponseText(self._emitter, stream)
        with self._breaker.request():
            reservation = await self._budget.reserve(key, request)
            attempt = RequestTry(self.wrapped, call, request, reservation, text, self._timeouts)
            try:
                response = await attempt.response()
                encoded = encode_response(response)
                return _CountedResponse(response, encoded, attempt.usage(), reservation)
            except BaseException as error:
                await self._budget.settle(reservation, attempt.usage(error), kept=False)
                if not isinstance(error, RunClosed):
                    await text.withdraw()
                raise

    async def _record(self, key: StepKey, outcome: StepOutcome, received: _CountedResponse) -> None:
        kept = False
        try:
            await self._steps.record(key, outcome)
            kept = True
        except RunClosed as reason:
            # A run that was closed meanwhile, for another reason, has journaled it all the same.
            kept = not isinstance(reason, Fenced | JournalFailed)
            raise
        finally:
            if received.reservation is not None:
                await self._budget.settle(received.reservation, received.usage, kept=kept)

    async def _emit_events(
        self, key: StepKey, received: _CountedResponse, parameters: ModelRequestParameters
    ) -> None:
        """Emit the events of a response, once it is durable.

        A crash just before loses them: emitted before, they would be emitted again by the execution
        that makes the request again.
        """
        if received.reservation is not None:
            usage: dict[str, JsonValue] = dict(received.usage.model_dump())
            await self._emit_event("usage", {"step": key.name, "model": self.model_name, **usage})
        outputs = {tool.name for tool in parameters.output_tools}
        for part in received.response.parts:
            if isinstance(part, ToolCallPart) and part.tool_name not in outputs:
                call: dict[str, JsonValue] = {
                    "step": key.name,
                    "tool": part.tool_name,
                    "tool_call_id": part.tool_call_id,
                }
                await self._emit_event("tool.called", call)

    async def _emit_event(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        try:
            await self._emitter.emit_event(type_, data)
        except Exception as error:  # noqa: BLE001 -- the response is there, whoever reads of it
            _log.warning("event of a model was not emitted", type=type_, error=str(error))

    async def _from_cache(self, digest: str) -> _CountedResponse | None:
        text = None if self._cache is None else await self._cache.get(digest)
        if text is None:
            return None
        try:
            response = decode_response(text)
        except ValueError:  # of another version
            return None
        await self._budget.ledger.save(usage_of(response))
        return _CountedResponse(response, text, Usage(), None)

    async def _add_to_cache(self, digest: str, received: _CountedResponse) -> None:
        if self._cache is None or received.reservation is None:
            return
        try:
            await self._cache.put(digest, received.text, received.usage)
        except Exception as error:  # noqa: BLE001 -- the response is there, cached or not
            _log.warning("response was not cached", model=self.model_name, error=str(error))

    def _price(self, input_tokens: int, output_tokens: int) -> float:
        return price(self.model_name, self.system, self.base_url, input_tokens, output_tokens)

    @property
    def _breaker(self) -> CircuitBreaker:
        where = f" at {self.base_url}" if self.base_url else ""
        return self._breakers.of(f"{self.system}{where}")


def _seconds_since(started: float) -> float:
    return round(time.monotonic() - started, 6)
