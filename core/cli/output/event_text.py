"""Events as text: one line for people, of any type of event."""

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic import JsonValue

    from perdure.models import Event

Data = Mapping[str, "JsonValue"]

FINAL_EVENTS: Final = frozenset({"run.completed", "run.failed", "run.cancelled", "run.terminated"})
MAX_DATA_CHARACTERS: Final = 200
VALUE_CHARACTERS: Final = 100

# They would move the cursor or colour the terminal, or turn the direction of what follows round:
# agents and models wrote the text.
_CONTROL_CHARACTERS: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def describe(event: "Event", *, with_percentage: bool = True) -> str:
    """Return an event as a line for people; empty for one that needs no line.

    Streaming text and usage are for a view to add up. A type that this version does not know is
    shown with its data.

    Args:
        event: The event.
        with_percentage: Begin the line of a progress event with its percentage.
    """
    if event.type == "progress" and not with_percentage:
        return one_line(_activity(event.data))
    describe_data = _DESCRIPTIONS.get(event.type)
    if describe_data is None:
        return one_line(f"{event.type}  {_data_text(event.data)}".rstrip())
    try:
        return one_line(describe_data(event.data))
    except (KeyError, TypeError, ValueError, AttributeError):  # another version wrote it
        return one_line(f"{event.type}  {_data_text(event.data)}".rstrip())


def one_line(text: str) -> str:
    """Return text as one line, without the control characters that a terminal would obey."""
    return _CONTROL_CHARACTERS.sub("", text.replace("\r", "\n").replace("\n", " "))


def strip_controls(text: str) -> str:
    """Return text, line ends included, without what a terminal would obey."""
    return _CONTROL_CHARACTERS.sub("", text)


def format_usage(tokens: int, cost: float) -> str:
    """Return the usage of paid models as text, such as ``12,345 tokens, $0.031``."""
    return f"{tokens:,} tokens" + (f", ${cost:.3f}" if cost else "")


def is_thinking(stream: str) -> bool:
    """Return whether a text is the thinking of a model."""
    from perdure.models.events import THINKING_SUFFIX

    return stream.endswith(THINKING_SUFFIX)


def usage_of(event: "Event") -> tuple[int, float]:
    """Return the tokens and the dollars of a usage event."""
    parts = (event.data.get("input_tokens"), event.data.get("output_tokens"))
    cost = event.data.get("cost")
    tokens = sum(part for part in parts if isinstance(part, int))
    return tokens, float(cost) if isinstance(cost, int | float) else 0.0


def step_label(data: Data) -> str:
    """Return a step's name, with its number where others of that name came before: ``look (3)``."""
    return numbered(str(data["step"]), data.get("number"))


def numbered(name: str, number: "JsonValue") -> str:
    """Return a name with its number where others of that name came before: ``look (3)``."""
    return f"{name} ({number})" if isinstance(number, int) and number > 1 else name


def _data_text(data: Data) -> str:
    text = "  ".join(f"{key}={_value_text(value)}" for key, value in data.items())
    return text if len(text) <= MAX_DATA_CHARACTERS else text[:MAX_DATA_CHARACTERS] + "…"


def _value_text(value: "JsonValue") -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _activity(data: Data) -> str:
    if message := data.get("message"):
        return str(message)
    return step_label(data) if data.get("step") else "working"


def _reason(data: Data) -> str:
    reason = data.get("message") or data.get("reason")
    return f": {reason}" if reason else ""


def _waiting(data: Data) -> str:
    kinds = data.get("for")
    return f"waiting for {', '.join(map(str, kinds))}" if isinstance(kinds, list) else "waiting"


def _throttled(data: Data) -> str:
    seconds = data.get("retry_after")
    pause = f" for {seconds:.0f} s" if isinstance(seconds, int | float) else ""
    return f"the provider asks to wait{pause}{_reason(data)}"


def _step_completed(data: Data) -> str:
    seconds = data.get("seconds")
    duration = f" in {seconds:.1f} s" if isinstance(seconds, int | float) else ""
    return f"{step_label(data)} done{duration}"


def _step_settled(data: Data) -> str:
    outcome = "was done" if data["done"] else "was not done, and is executed again"
    return f"{data['by']} settled {step_label(data)}: it {outcome}"


def _tool_returned(data: Data) -> str:
    seconds = data.get("seconds")
    duration = f" in {seconds:.1f} s" if isinstance(seconds, int | float) else ""
    if "error" in data:
        return f"{data['tool']} failed{duration}{_beginning(data['error'])}"
    return f"{data['tool']} returned{duration}{_beginning(data.get('result'))}"


def _beginning(value: "JsonValue") -> str:
    text = str(value or "")
    return f": {text[:VALUE_CHARACTERS]}{'…' * (len(text) > VALUE_CHARACTERS)}" if text else ""


def _approval_requested(data: Data) -> str:
    needed, of = data.get("needed"), data.get("of")
    several = f", {needed} must agree" if isinstance(needed, int) and needed > 1 else ""
    who = f", of {', '.join(map(str, of))}" if isinstance(of, list) and of else ""
    until = f", until {data['expires_at']}" if data.get("expires_at") else ""
    command = f"perdure approvals approve {data['approval_id']}"
    question = numbered(str(data["question"]), data.get("number"))
    return f"asks: {question}  ({command}{several}{who}{until})"


def _approval_decided(data: Data) -> str:
    if data.get("expired"):
        return "nobody answered in time, which counts as no"
    votes = data.get("votes")
    known = [vote for vote in votes if isinstance(vote, dict)] if isinstance(votes, list) else []
    names = ", ".join(str(vote.get("by")) for vote in known)
    reasons = "; ".join(str(vote["reason"]) for vote in known if vote.get("reason"))
    decision = "approved" if data["approved"] else "refused"
    return decision + (f" by {names}" if names else "") + (f": {reasons}" if reasons else "")


def policy_decided(data: Data) -> str:
    """Return a decision of the policy in words, such as ``tool 'refund' denied by rule 'caps'``."""
    outcomes = {"allow": "allowed by", "deny": "denied by", "ask": "is asked about by"}
    outcome = outcomes.get(str(data["outcome"]), str(data["outcome"]))
    rule = data.get("rule")
    by = "the policy's default" if rule is None else f"rule {rule!r}"
    what = "the goal" if data["kind"] == "goal" else f"{data['kind']} {data['name']!r}"
    return f"{what} {outcome} {by}{_reason(data)}"


def _planned(data: Data) -> str:
    goals = data.get("goals")
    names = (
        [str(one.get("name")) for one in goals if isinstance(one, dict)]
        if isinstance(goals, list)
        else []
    )
    return f"plans {', '.join(names)}"


_DESCRIPTIONS: Final[Mapping[str, Callable[[Data], str]]] = {
    "progress": lambda data: f"{data['percentage']:3.0f} %  {_activity(data)}",
    "artifact": lambda data: f"made {data['name']}",
    "step.started": lambda data: f"{step_label(data)} started",
    "step.completed": _step_completed,
    "step.failed": lambda data: f"{step_label(data)} failed{_reason(data)}",
    "step.settled": _step_settled,
    "text.delta": lambda _: "",
    "text.withdrawn": lambda _: "the text is withdrawn: what wrote it broke off",
    "tool.called": lambda data: f"calls {data['tool']}{_beginning(data.get('arguments'))}",
    "tool.returned": _tool_returned,
    "usage": lambda _: "",
    "approval.requested": _approval_requested,
    "approval.decided": _approval_decided,
    "policy.decided": policy_decided,
    "signal": lambda data: f"the signal {data['name']} came",
    "planned": _planned,
    "delegated": lambda data: (
        f"delegated to {data['agent_type']}: {data['description']}  ({data['workflow_id']})"
    ),
    "run.started": lambda _: "started",
    "run.resumed": lambda _: "goes on",
    "run.waiting": _waiting,
    "run.paused": lambda data: f"paused{_reason(data)}",
    "run.throttled": _throttled,
    "run.yielded": lambda _: "goes to another worker",
    "run.retrying": lambda data: f"trying again, attempt {data['attempt']}{_reason(data)}",
    "run.retried": lambda _: "taken up again",
    "run.completed": lambda _: "completed",
    "run.failed": lambda data: f"failed: {data['message']}",
    "run.cancelled": lambda _: "cancelled",
    "run.terminated": lambda data: f"terminated{_reason(data)}",
}
