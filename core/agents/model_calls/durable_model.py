"""A pydantic-ai model whose requests are journaled steps of a run.

Any pydantic-ai agent that is handed one becomes durable: a request that was answered once is
answered from the journal in every later execution, and is never paid again.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar, cast

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

from perdure.agents.events.step_events import StepEvents
from perdure.agents.model_calls.budget import BudgetGuard, Reservation, TokenRequest
from perdure.agents.model_calls.circuit_breaker import (
    CIRCUIT_BREAKERS,
    CircuitBreakers,
)
from perdure.agents.model_calls.errors import request_error, request_failure
from perdure.agents.model_calls.request import ModelCall, RequestTry, ResponseText, ResponseTimeouts
from perdure.agents.model_calls.request_digest import request_digest
from perdure.agents.model_calls.request_span import describe_response
from perdure.agents.model_calls.responses import (
    decode_response,
    encode_response,
    estimate_input_tokens,
    price,
    usage_of,
)
from perdure.agents.model_calls.streaming import (
    STREAM_SUPPORT,
    RequestStreaming,
    StreamSupport,
    may_stream,
)
from perdure.agents.model_calls.tool_parts import arguments_of, calls_in, tool_results_in
from perdure.agents.policy.gate import PolicyGate
from perdure.agents.steps.errors import PolicyDenied, StepFailed
from perdure.agents.steps.journal import EventEmitter, Ledger, StepOutcome
from perdure.agents.steps.keys import StepKey, named_step, stream_of
from perdure.agents.steps.retry import CLOCK, Clock, retry_in_place
from perdure.agents.steps.run_closed import Fenced, JournalFailed, RunClosed
from perdure.agents.steps.steps import STEP_NAME_CHARACTERS, Steps
from perdure.models import EventType, Failure, FailureKind, Usage
from perdure.telemetry.conventions import CACHED, TRIES
from perdure.telemetry.metrics import recording
from perdure.telemetry.traces.recorded_span import RecordedSpan
from perdure.telemetry.traces.steps import answered_from_journal, model_request

T = TypeVar("T")

DEFAULT_TIMEOUTS: Final = ResponseTimeouts()
_NOT_RECORDED: Final = Failure(
    type="PermanentError",
    message="the request is not made, as what it was for has failed in an earlier execution",
    permanent=True,
    kind=FailureKind.PERMANENT,
)

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

    A request is streamed from the provider, where the provider can, whether or not the agent
    streams it: readers of the run see its text as it comes. A stream is received to its end before
    the agent sees any of it: what the agent gets is in the journal, in the first execution as in
    later ones, and a try that breaks off half-way is repeated without the agent noticing.
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
        support: StreamSupport = STREAM_SUPPORT,
        policy: PolicyGate | None = None,
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
            support: What is known of models' streams; of the process when not given.
            policy: Judges each request, and the calls of tools in its response.
        """
        super().__init__(wrapped)
        self._steps = steps
        self._budget = ledger if isinstance(ledger, BudgetGuard) else BudgetGuard(ledger)
        self._events = emitter if isinstance(emitter, StepEvents) else StepEvents(emitter)
        self._breakers = breakers
        self._cache = cache
        self._timeouts = timeouts
        self._shared = shared
        self._clock = clock
        self._support = support
        self._policy = policy
        self._judges_calls = True
        self._streams_unasked = True
        self._recorded_only = False
        self._call_ids: list[str] = []

    def unstreamed(self) -> Self:
        """Return the same model, which streams only what the agent streams."""
        model = copy(self)
        model._streams_unasked = False  # noqa: SLF001 -- a copy of its own class
        return model

    def without_judging_calls(self) -> Self:
        """Return the same model, whose calls of tools are judged where they are made."""
        model = copy(self)
        model._judges_calls = False  # noqa: SLF001 -- a copy of its own class
        return model

    def recorded_only(self) -> Self:
        """Return the same model, which gives the responses in the journal and makes no request."""
        model = copy(self)
        model._recorded_only = True  # noqa: SLF001 -- a copy of its own class
        return model

    async def abandon_calls(self, reason: str) -> None:
        """Report the calls of tools whose results it was not sent: its agent has ended."""
        await self._events.tools.abandoned(self._call_ids, reason)

    async def __aenter__(self) -> Self:
        if not self._shared:
            await self._in_event_loop(super().__aenter__())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        if self._shared:
            return None
        return await self._in_event_loop(super().__aexit__(exc_type, exc_val, exc_tb))

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
        return await self._in_event_loop(self._respond(call))

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
        response = await self._in_event_loop(self._respond(call))
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

    async def _in_event_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await something in the run's event loop, also from that of a thread of a step's.

        ``run_sync`` in a plain step function has a loop of its own.
        """
        loop = self._steps.event_loop
        if loop is None or loop is asyncio.get_running_loop():
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, loop))

    async def _respond(self, call: ModelCall) -> ModelResponse:
        name, digest = self.step_of(call.messages, call.settings, call.parameters)
        key = self._steps.key(name, digest)
        outcome = await self._steps.recorded_outcome(key)
        cause: Exception | None = None
        if outcome is None and self._recorded_only:
            raise StepFailed(key, _NOT_RECORDED)
        await self._emit_tool_results(call.messages, seen=outcome is None)
        if outcome is None:
            denied = await self._refusal(key)
            async with self._steps.executing(key):
                if denied is not None:
                    assert self._policy is not None
                    raise await self._policy.deny(key, denied) from denied
                outcome, cause = await self._execute_traced(key, call, digest)
        else:
            answered_from_journal(key.name, key.number)
            if outcome.usage != Usage():
                await self._budget.ledger.save(outcome.usage)
        if outcome.failure is not None:
            raise request_error(key, outcome.failure, self.model_name) from cause
        response = decode_response(outcome.value or "")
        tool_calls = calls_in(response, call.parameters)
        await self._emit_events(key, outcome.usage, tool_calls)
        if self._policy is not None and self._judges_calls:
            for number, part in enumerate(tool_calls):
                identity: JsonValue = [key.name, key.digest, key.occurrence, number]
                await self._policy.admit_call(part.tool_name, arguments_of(part), identity)
        return response

    async def _refusal(self, key: StepKey) -> PolicyDenied | None:
        if self._policy is None:
            return None
        return await self._policy.refusal(key, {"model": f"{self.system}:{self.model_name}"})

    async def _emit_tool_results(self, messages: list[ModelMessage], *, seen: bool) -> None:
        """Emit what came of the calls whose results a request sends.

        Args:
            messages: What it sends.
            seen: Whether the calls were made in this execution.
        """
        for result in tool_results_in(messages):
            await self._events.tools.returned(
                result.tool,
                result.call_id,
                result.text,
                failed=result.failed,
                at=result.at,
                is_observed=False,
                is_traced=seen,
            )

    async def _execute_traced(
        self, key: StepKey, call: ModelCall, digest: str
    ) -> tuple[StepOutcome, Exception | None]:
        identity = key.name, key.number, key.digest, key.occurrence
        with model_request(self.system, self.model_name, *identity) as span:
            try:
                outcome, cause = await self._execute(key, call, digest, span)
            except BaseException:
                if self._steps.goes_on_elsewhere:
                    span.repeated()
                raise
            span.used(outcome.usage)
            span.failed(outcome.failure)
        return outcome, cause

    async def _execute(
        self, key: StepKey, call: ModelCall, digest: str, span: RecordedSpan
    ) -> tuple[StepOutcome, Exception | None]:
        started = time.monotonic()
        numbers = itertools.count(1)
        streaming = self._streaming(call)
        try:
            received = await self._from_cache(digest)
            if received is None:
                async with self._events.executing(key):
                    received = await retry_in_place(
                        lambda: self._try_once(key, call, streaming, next(numbers)),
                        clock=self._clock,
                    )
        except Exception as error:  # noqa: BLE001 -- whatever it raises is the step's outcome
            failed = StepOutcome("", request_failure(error), _seconds_since(started))
            await self._steps.record(key, failed)
            return failed, error
        if span.is_real:
            is_streamed = streaming.streamed and received.reservation is not None
            describe_response(span, call, received.response, streamed=is_streamed)
            span.set({TRIES: next(numbers) - 1, CACHED: received.reservation is None})
        outcome = StepOutcome(received.text, None, _seconds_since(started), received.usage)
        await self._record(key, outcome, received)
        await self._add_to_cache(digest, received)
        return outcome, None

    def _streaming(self, call: ModelCall) -> RequestStreaming:
        settings = merge_model_settings(self.wrapped.settings, call.settings)
        allowed = self._streams_unasked and may_stream(self.wrapped, settings)
        return RequestStreaming(self.wrapped, self._support, asked=call.streamed, allowed=allowed)

    async def _try_once(
        self, key: StepKey, call: ModelCall, streaming: RequestStreaming, number: int
    ) -> _CountedResponse:
        settings = merge_model_settings(self.wrapped.settings, call.settings) or {}
        sent = estimate_input_tokens(call.messages, call.parameters)
        request = TokenRequest(self.model_name, sent, settings.get("max_tokens"), self._price)
        stream = stream_of(key) if number == 1 else f"{stream_of(key)}.{number}"
        if number > 1:
            recording.step_retried()
        text = ResponseText(self._events, stream)
        async with self._breakers.request(self._asked_provider):
            reservation = await self._budget.reserve(key, request)
            attempt = RequestTry(
                self.wrapped, call, request, reservation, text, self._timeouts, streaming
            )
            try:
                response = await attempt.response()
                encoded = encode_response(response)
                attempt.measured(used := attempt.usage())
                return _CountedResponse(response, encoded, used, reservation)
            except BaseException as error:
                attempt.measured(used := attempt.usage(error))
                await self._budget.settle(reservation, used, kept=False)
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
        self, key: StepKey, used: Usage, tool_calls: Sequence[ToolCallPart]
    ) -> None:
        """Emit the events of a response, once it is durable.

        A crash just before loses none: the next execution emits the same, and the store keeps each
        event once. Emitted before, they would be those of a request that is made again.
        """
        if used != Usage():
            usage: dict[str, JsonValue] = dict(used.model_dump())
            await self._emit_event("usage", {**named_step(key), "model": self.model_name, **usage})
        for part in tool_calls:
            await self._events.tools.called(key, part.tool_name, part.tool_call_id, part.args or {})
        for part in tool_calls:
            self._events.tools.expect(part.tool_name, part.tool_call_id)
            self._call_ids.append(part.tool_call_id)

    async def _emit_event(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        try:
            await self._events.emit_event(type_, data)
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
    def _asked_provider(self) -> str:
        where = f" at {self.base_url}" if self.base_url else ""
        return f"{self.system}{where}"


def _seconds_since(started: float) -> float:
    return round(time.monotonic() - started, 6)
