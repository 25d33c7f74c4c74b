"""Events in words: one line for people, whatever comes."""

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic import JsonValue

    from perdure.models import Event

Data = Mapping[str, "JsonValue"]

ENDS: Final = frozenset({"run.completed", "run.failed", "run.cancelled", "run.terminated"})
MAX_UNKNOWN_CHARACTERS: Final = 200

# What would move the cursor or colour the terminal of whoever looks: agents and models wrote this.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def describe(event: "Event", *, bare: bool = False) -> str:
    """Return an event as a line for people; empty for one that they need not see as a line.

    Text that streams and usage are for a display to gather. A type that this version does not know
    is shown with its details.

    Args:
        event: The event.
        bare: Leave a progress event's percentage out.
    """
    if event.type == "progress" and bare:
        return one_line(_doing(event.data))
    say = _WORDS.get(event.type)
    if say is None:
        return one_line(f"{event.type}  {_details(event.data)}".rstrip())
    try:
        return one_line(say(event.data))
    except (KeyError, TypeError, ValueError, AttributeError):  # told by another version
        return one_line(f"{event.type}  {_details(event.data)}".rstrip())


def one_line(text: str) -> str:
    """Return text without line ends and without what a terminal would obey."""
    return _CONTROLS.sub("", text.replace("\r", "\n").replace("\n", " "))


def plain(text: str) -> str:
    """Return text, of several lines maybe, without what a terminal would obey."""
    return _CONTROLS.sub("", text)


def used(tokens: int, cost: float) -> str:
    """Return what was used of paid models, such as ``12,345 tokens, $0.031``."""
    return f"{tokens:,} tokens" + (f", ${cost:.3f}" if cost else "")


def usage_in(event: "Event") -> tuple[int, float]:
    """Return the tokens and the dollars that a usage event tells of."""
    parts = (event.data.get("input_tokens"), event.data.get("output_tokens"))
    cost = event.data.get("cost")
    tokens = sum(part for part in parts if isinstance(part, int))
    return tokens, float(cost) if isinstance(cost, int | float) else 0.0


def _details(data: Data) -> str:
    told = "  ".join(f"{key}={_value(value)}" for key, value in data.items())
    return told if len(told) <= MAX_UNKNOWN_CHARACTERS else told[:MAX_UNKNOWN_CHARACTERS] + "…"


def _value(value: "JsonValue") -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _doing(data: Data) -> str:
    return str(data.get("message") or data.get("step") or "working")


def _because(data: Data) -> str:
    reason = data.get("message") or data.get("reason")
    return f": {reason}" if reason else ""


def _waiting(data: Data) -> str:
    kinds = data.get("for")
    return f"waiting for {', '.join(map(str, kinds))}" if isinstance(kinds, list) else "waiting"


def _throttled(data: Data) -> str:
    seconds = data.get("retry_after")
    pause = f" for {seconds:.0f} s" if isinstance(seconds, int | float) else ""
    return f"the provider asks to wait{pause}{_because(data)}"


def _step(data: Data) -> str:
    seconds = data.get("seconds")
    took = f" in {seconds:.1f} s" if isinstance(seconds, int | float) else ""
    return f"{data['step']} done{took}"


def _asked(data: Data) -> str:
    needed, of = data.get("needed"), data.get("of")
    several = f", {needed} must agree" if isinstance(needed, int) and needed > 1 else ""
    who = f", of {', '.join(map(str, of))}" if isinstance(of, list) and of else ""
    until = f", until {data['expires_at']}" if data.get("expires_at") else ""
    how = f"perdure approvals approve {data['approval_id']}"
    return f"asks: {data['question']}  ({how}{several}{who}{until})"


def _decided(data: Data) -> str:
    if data.get("expired"):
        return "nobody answered in time, which counts as no"
    votes = data.get("votes")
    said = [vote for vote in votes if isinstance(vote, dict)] if isinstance(votes, list) else []
    names = ", ".join(str(vote.get("by")) for vote in said)
    reasons = "; ".join(str(vote["reason"]) for vote in said if vote.get("reason"))
    word = "approved" if data["approved"] else "refused"
    return word + (f" by {names}" if names else "") + (f": {reasons}" if reasons else "")


_WORDS: Final[Mapping[str, Callable[[Data], str]]] = {
    "progress": lambda data: f"{data['percentage']:3.0f} %  {_doing(data)}",
    "artifact": lambda data: f"made {data['name']}",
    "step.started": lambda _: "",
    "step.completed": _step,
    "step.failed": lambda data: f"{data['step']} failed{_because(data)}",
    "text.delta": lambda _: "",
    "text.withdrawn": lambda _: "the text is withdrawn: what wrote it broke off",
    "tool.called": lambda data: f"calls {data['tool']}",
    "usage": lambda _: "",
    "approval.requested": _asked,
    "approval.decided": _decided,
    "signal": lambda data: f"the signal {data['name']} came",
    "delegated": lambda data: (
        f"delegated to {data['agent_type']}: {data['description']}  ({data['workflow_id']})"
    ),
    "run.started": lambda _: "started",
    "run.resumed": lambda _: "goes on",
    "run.waiting": _waiting,
    "run.paused": lambda data: f"paused{_because(data)}",
    "run.throttled": _throttled,
    "run.yielded": lambda _: "goes to another worker",
    "run.retrying": lambda data: f"trying again, attempt {data['attempt']}{_because(data)}",
    "run.retried": lambda _: "taken up again",
    "run.completed": lambda _: "completed",
    "run.failed": lambda data: f"failed: {data['message']}",
    "run.cancelled": lambda _: "cancelled",
    "run.terminated": lambda data: f"terminated{_because(data)}",
}
