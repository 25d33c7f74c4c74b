"""Spans with the OpenTelemetry SDK: imported where traces are on, and nowhere else."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal

from opentelemetry import trace
from opentelemetry.context import Context
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

from perdure.redaction import without_secrets
from perdure.telemetry.environment import SpanQueue, span_queue
from perdure.telemetry.resource import process_resource
from perdure.telemetry.traces import conventions
from perdure.telemetry.traces.export import QueuedExport
from perdure.telemetry.traces.goal_trace import GoalTrace
from perdure.version import core_version

Kind = Literal["internal", "client", "server"]
Attributes = Mapping[str, str | int | float | bool | None]

_KINDS: Final = {
    "internal": SpanKind.INTERNAL,
    "client": SpanKind.CLIENT,
    "server": SpanKind.SERVER,
}
_MESSAGE_CHARACTERS: Final = 1_000

_trace_id: ContextVar[int] = ContextVar("given_trace_id", default=0)
_span_id: ContextVar[int] = ContextVar("given_span_id", default=0)


class _Ids(IdGenerator):
    """Gives a span the id that it is to have, and others ids by chance.

    Not by :mod:`random`, which an agent may have seeded.
    """

    def generate_span_id(self) -> int:
        return _span_id.get() or int.from_bytes(os.urandom(8)) or 1

    def generate_trace_id(self) -> int:
        return _trace_id.get() or int.from_bytes(os.urandom(16)) or 1


class OpenSpan:
    """A span that has begun."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._discarded = False
        self._failed = False

    def set(self, attributes: Attributes) -> None:
        """Set attributes; those that are ``None`` are left out."""
        self._span.set_attributes(_known(attributes))

    def rename(self, name: str) -> None:
        """Give it another name."""
        self._span.update_name(name)

    def fail(self, type_: str, message: str = "") -> None:
        """Say that what it stands for has failed; what is said first counts."""
        if self._failed:
            return
        self._failed = True
        self._span.set_attribute(conventions.ERROR_TYPE, type_)
        text = without_secrets(message)[:_MESSAGE_CHARACTERS]
        self._span.set_status(Status(StatusCode.ERROR, text or None))

    def discard(self) -> None:
        """Export nothing of it: another process makes the same span."""
        self._discarded = True

    def end(self, at: int | None = None) -> None:
        """End it, now or at a time in nanoseconds since 1970."""
        if not self._discarded:
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
        tokens = _trace_id.set(trace_id), _span_id.set(span_id)
        try:
            span = self._tracer.start_span(
                name, context, _KINDS[kind], _known(attributes), start_time=at
            )
        finally:
            _trace_id.reset(tokens[0])
            _span_id.reset(tokens[1])
        return OpenSpan(span)

    @contextmanager
    def during(self, span: OpenSpan) -> Iterator[OpenSpan]:
        """Make a span the current one of the block, at whose end it ends.

        An error that leaves the block is that of the span.
        """
        try:
            with trace.use_span(
                span._span,  # noqa: SLF001 -- two classes of one module
                record_exception=False,
                set_status_on_exception=False,
            ):
                yield span
        except BaseException as error:
            span.fail(type(error).__name__, str(error))
            raise
        finally:
            span.end()

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
