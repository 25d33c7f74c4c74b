"""Where a goal stands in its trace, as its record and its workflow carry it.

A goal's span is exported when the goal has ended, days later and by whatever process closes its
record. What lies below it is exported before that, by workers that come and go. So the ids of spans
that others hang under are not drawn but derived: of the goal's span, and of what is the same in
every process. A step that a killed worker has begun, and another one executes again, is one span.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

_ENCODED = re.compile(r"([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{16})-([0-9a-f]{2})(?:;(.*))?")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 1
# What everybody has to pass on; more of it need not be.
_STATE_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class GoalTrace:
    """The span of a goal.

    Attributes:
        trace_id: The trace, 128 bits.
        span_id: The goal's span, 64 bits.
        parent_id: The span that it hangs under: of the request or command that has started it, or
            of the goal that has delegated it; 0 where there is none.
        flags: The flags of the trace, of which the lowest says that it is sampled.
        state: What other systems add for themselves, as in the header ``tracestate``.
    """

    trace_id: int
    span_id: int
    parent_id: int = 0
    flags: int = _SAMPLED
    state: str = ""

    @classmethod
    def decode(cls, text: str) -> Self | None:
        """Return what :meth:`encode` has made a text of; ``None`` if it is no such text."""
        found = _ENCODED.fullmatch(text)
        if found is None:
            return None
        trace_id, span_id, parent_id, flags = (int(part, 16) for part in found.groups()[:4])
        if not trace_id or not span_id:
            return None
        return cls(trace_id, span_id, parent_id, flags, found[5] or "")

    @classmethod
    def of(cls, text: str | None, workflow_id: str) -> Self:
        """Return the trace that a run carries, or one of its own if it carries none.

        So it is with runs that were started by a process without traces.
        """
        decoded = cls.decode(text or "")
        if decoded is not None:
            return decoded
        return cls(derived_id(workflow_id, bits=128), derived_id(workflow_id, "goal"))

    @classmethod
    def under(cls, fields: Mapping[str, str]) -> Self | None:
        """Return the trace of a new goal under the span that ``traceparent`` names, if it does."""
        found = _TRACEPARENT.fullmatch(fields.get("traceparent", ""))
        if found is None:
            return None
        trace_id, parent_id, flags = (int(part, 16) for part in found.groups())
        if not trace_id or not parent_id:
            return None
        span_id = int.from_bytes(os.urandom(8)) or 1
        state = fields.get("tracestate", "")
        return cls(
            trace_id, span_id, parent_id, flags, state if len(state) <= _STATE_CHARACTERS else ""
        )

    def encode(self) -> str:
        """Return it as text."""
        text = f"{self.trace_id:032x}-{self.span_id:016x}-{self.parent_id:016x}-{self.flags:02x}"
        return f"{text};{self.state}" if self.state else text

    def derived(self, *parts: object) -> int:
        """Return the id of a span below the goal's, the same in every process."""
        return id_of(self.digest(*parts))

    def digest(self, *parts: object) -> "hashlib._Hash":
        """Return what :meth:`derived` makes an id of, to which further parts can be added."""
        return _digest(f"{self.trace_id:032x}", f"{self.span_id:016x}", *parts)

    def delegate(self, workflow_id: str) -> "GoalTrace":
        """Return the trace of a goal that this one delegates."""
        span_id = self.derived("delegate", workflow_id)
        return GoalTrace(self.trace_id, span_id, self.span_id, self.flags, self.state)

    def retried(self) -> "GoalTrace":
        """Return the trace of the same goal when it is retried after its end: a further span."""
        span_id = self.derived("retried")
        return GoalTrace(self.trace_id, span_id, self.span_id, self.flags, self.state)


def derived_id(*parts: object, bits: int = 64) -> int:
    """Return an id made of some words."""
    return id_of(_digest(*parts), bits)


def id_of(digest: "hashlib._Hash", bits: int = 64) -> int:
    """Return the id that a digest stands for; never 0, which would be none."""
    return int.from_bytes(digest.digest()[: bits // 8]) or 1


def _digest(*parts: object) -> "hashlib._Hash":
    return hashlib.sha256("\0".join(map(str, parts)).encode(errors="replace"))


def delegate_trace(text: str | None, workflow_id: str) -> str | None:
    """Return the encoded trace of a delegate's run.

    Args:
        text: The encoded trace of the run that delegates; none where it carries none.
        workflow_id: The delegate's run.
    """
    trace = GoalTrace.decode(text or "")
    return trace.delegate(workflow_id).encode() if trace else None


def retried_trace(text: str | None) -> str | None:
    """Return the encoded trace of a run that is retried after its end."""
    trace = GoalTrace.decode(text or "")
    return trace.retried().encode() if trace else None
