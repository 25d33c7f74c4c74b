"""Spans with the OpenTelemetry SDK: imported where traces are on, and nowhere else."""

import os
from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final, Literal, Self

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from perdure.models import Failure, Usage
from perdure.redaction import without_secrets
from perdure.telemetry import conventions
from perdure.telemetry.environment import SpanQueue, span_queue
from perdure.telemetry.resource import process_resource
from perdure.telemetry.traces.export import QueuedExport
from perdure.telemetry.traces.goal_trace import GoalTrace
from perdure.telemetry.traces.recorded_span import Attributes, RecordedSpan
from perdure.version import core_version

Kind = Literal["internal", "client", "server"]

_KINDS: Final = {
    "internal": SpanKind.INTERNAL,
    "client": SpanKind.CLIENT,
    "server": SpanKind.SERVER,
}
_MESSAGE_CHARACTERS: Final = 1_000

# The ids that a span which is begun is to have, of its trace and its own; 0 for one by chance.
_ids: ContextVar[tuple[int, int]] = ContextVar("given_ids", default=(0, 0))


class _Ids(IdGenerator):
    """Gives a span the id that it is to have, and others ids by chance.

    Not by :mod:`random`, which an agent may have seeded.
    """

    def generate_span_id(self) -> int:
        return _ids.get()[1] or int.from_bytes(os.urandom(8)) or 1

    def generate_trace_id(self) -> int:
        return _ids.get()[0] or int.from_bytes(os.urandom(16)) or 1


class OpenSpan(RecordedSpan):
    """A span that has begun."""

    __slots__ = ("_failed", "_is_repeated", "_span", "_token")

    is_real = True

    def __init__(self, span: Span) -> None:
        self._span = span
        self._failed = False
        self._is_repeated = False
        self._token: Token[Context] | None = None

    def __enter__(self) -> Self:
        """Become the current span."""
        self._token = attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""
        if self._token is not None:
            detach(self._token)
        if error is not None:
            self.fail(type(error).__name__, str(error))
        self.end()

    def set(self, attributes: Attributes) -> None:
        """Set attributes; those that are ``None`` are left out."""
        self._span.set_attributes(_known(attributes))

    def rename(self, name: str) -> None:
        """Give it another name."""
        self._span.update_name(name)

    def failed(self, failure: Failure | None) -> None:
        """Say that what it stands for has failed, if it has."""
        if failure is not None:
            self.fail(failure.type, failure.message)

    def fail(self, type_: str, message: str = "") -> None:
        """Say that what it stands for has failed; what is said first counts."""
        if self._failed:
            return
        self._failed = True
        self._span.set_attribute(conventions.ERROR_TYPE, type_)
        text = without_secrets(message)[:_MESSAGE_CHARACTERS]
        self._span.set_status(Status(StatusCode.ERROR, text or None))

    def used(self, usage: Usage) -> None:
        """Say what it has used of paid models, if anything."""
        if usage.input_tokens or usage.output_tokens or usage.cost:
            self._span.set_attributes(
                {
                    conventions.INPUT_TOKENS: usage.input_tokens,
                    conventions.OUTPUT_TOKENS: usage.output_tokens,
                    conventions.COST: usage.cost,
                }
            )

    def repeated(self) -> None:
        """Export nothing of it, as another process makes the same span."""
        self._is_repeated = True

    def end(self, at: int | None = None) -> None:
        """End it, now or at a time in nanoseconds since 1970."""
        if not self._is_repeated:
            self._span.end(at)


class Tracer:
    """Makes the spans of a process, and exports them."""

    def __init__(self, exporter: SpanExporter, queue: SpanQueue | None = None) -> None:
        """Begin.

        Args:
            exporter: Takes the spans.
            queue: How they wait for it; as the environment says when not given.
        """
        self.export = QueuedExport(exporter, queue or span_queue())
        self._provider = TracerProvider(
            resource=process_resource(), id_generator=_Ids(), shutdown_on_exit=False
        )
        self._provider.add_span_processor(self.export)
        self._tracer = self._provider.get_tracer("perdure", core_version())
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            # Spans of libraries that agents use go the same way, and hang under ours.
            trace.set_tracer_provider(self._provider)

    def stop(self) -> None:
        """Export what is queued, for a short time, and no more after that."""
        self._provider.shutdown()

    def new_goal(self, name: str) -> GoalTrace:
        """Return the trace of a goal that the current span starts, or of one that nothing does."""
        current = trace.get_current_span().get_span_context()
        span_id = int.from_bytes(os.urandom(8)) or 1
        if current.is_valid:
            state = current.trace_state.to_header()
            flags = int(current.trace_flags)
            return GoalTrace(current.trace_id, span_id, current.span_id, flags, state)
        trace_id = int.from_bytes(os.urandom(16)) or 1
        sampled = self._provider.sampler.should_sample(None, trace_id, name)
        is_sampled = sampled.decision is Decision.RECORD_AND_SAMPLE
        return GoalTrace(trace_id, span_id, flags=int(is_sampled))

    def begin(
        self,
        name: str,
        attributes: Attributes,
        *,
        kind: Kind = "internal",
        context: Context | None = None,
        span_id: int = 0,
        trace_id: int = 0,
        at: int | None = None,
    ) -> OpenSpan:
        """Begin a span.

        Args:
            name: Its name.
            attributes: Its attributes; those that are ``None`` are left out.
            kind: Its kind.
            context: What it hangs under; the current span when not given.
            span_id: The id that it is to have.
            trace_id: The trace of a span that hangs under nothing.
            at: When it has begun, in nanoseconds since 1970; now when not given.
        """
        known = _known(attributes)
        if not span_id and not trace_id:
            return OpenSpan(
                self._tracer.start_span(name, context, _KINDS[kind], known, start_time=at)
            )
        token = _ids.set((trace_id, span_id))
        try:
            return OpenSpan(
                self._tracer.start_span(name, context, _KINDS[kind], known, start_time=at)
            )
        finally:
            _ids.reset(token)

    def event(self, name: str, attributes: Attributes) -> None:
        """Add an event to the current span."""
        trace.get_current_span().add_event(name, _known(attributes))


def below(goal: GoalTrace, span_id: int | None = None) -> Context:
    """Return the context of what hangs under a goal's span, or under another one of its trace."""
    parent = goal.span_id if span_id is None else span_id
    if parent == 0:
        return Context()
    context = SpanContext(
        goal.trace_id,
        parent,
        is_remote=True,
        trace_flags=TraceFlags(goal.flags),
        trace_state=TraceState.from_header([goal.state]) if goal.state else None,
    )
    return trace.set_span_in_context(NonRecordingSpan(context), Context())


def incoming(headers: Mapping[str, str]) -> Context:
    """Return the context that ``traceparent`` and ``tracestate`` name, or an empty one."""
    return TraceContextTextMapPropagator().extract(dict(headers), Context())


def _known(attributes: Attributes) -> dict[str, str | int | float | bool]:
    return {name: value for name, value in attributes.items() if value is not None}
