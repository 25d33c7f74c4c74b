"""The caller's trace on its way to a server, or into a goal: the fields of W3C Trace Context.

Nothing of OpenTelemetry is imported for it: whoever has a current span has imported it.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

FIELDS: Final = ("traceparent", "tracestate")

# What the environment of a command names, as long as the command has no span of its own.
_caller: Final[ContextVar[Mapping[str, str]]] = ContextVar(
    "callers_trace", default=MappingProxyType({})
)


def environment_fields() -> dict[str, str]:
    """Return what ``TRACEPARENT`` and ``TRACESTATE`` say, which whoever starts a command sets."""
    found = {field: os.environ.get(field.upper(), "").strip() for field in FIELDS}
    return {
        field: value
        for field, value in found.items()
        if value.isascii() and value.isprintable() and value
    }


@contextmanager
def under_environment() -> Iterator[None]:
    """Pass on, in the block, the trace that the environment names; a current span comes first."""
    token = _caller.set(environment_fields())
    try:
        yield
    finally:
        _caller.reset(token)


def outgoing_fields() -> Mapping[str, str]:
    """Return the header fields that put what a request starts under the current span.

    They are those of OpenTelemetry's current span, whoever has made it; those that the environment
    of the command names where there is none; and none where there is neither.
    """
    if "opentelemetry.trace" in sys.modules:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        fields: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(fields)
        if fields:
            return fields
    return _caller.get()
