"""A step's name in the journal: what makes it the same step in every execution of its run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from perdure.models.events import THINKING_SUFFIX

# The names of what the journal holds of the policy's decisions, which are no steps of the agent's.
POLICY_DECISION: Final = "policy decision"
POLICY_APPROVAL: Final = "policy approval"
OF_THE_POLICY: Final = frozenset({POLICY_DECISION, POLICY_APPROVAL})


@dataclass(frozen=True, slots=True)
class StepKey:
    """What makes a step the same step in a later execution.

    Attributes:
        name: The name the agent gave it.
        digest: SHA-256, in hexadecimal, of its input (and version) as canonical JSON.
        occurrence: 0 for the first step of that name *and* input in an execution, then 1, 2 …
        number: 1 for the first step of that name in an execution, whatever its input, then 2, 3 …:
            what people tell steps apart by; 0 where it is not known. It is no part of the identity,
            for parallel branches begin their steps in another order each time.
        within: The step in whose function it is executed, as :func:`stream_of` names it; empty when
            it is not executed in one. It is no part of the identity either.
    """

    name: str
    digest: str
    occurrence: int
    number: int = field(default=0, compare=False)
    within: str = field(default="", compare=False)


def stream_of(key: StepKey) -> str:
    """Return the name of the text that a step makes, for :meth:`EventEmitter.emit_text`.

    A step that makes several, or makes one anew, appends ``.`` and what tells them apart. Once the
    step is recorded its texts stay; those of a step that was cut off are withdrawn.
    """
    return f"{key.name}#{key.digest[:12]}#{key.occurrence}"


def thinking_stream(stream: str) -> str:
    """Return the name of the thinking that comes before a model's text, as a text of its own."""
    return f"{stream}{THINKING_SUFFIX}"


def named_step(key: StepKey) -> Mapping[str, JsonValue]:
    """Return how a step's events name it: its ``step``, and its ``number`` among those so named."""
    return {"step": key.name, "number": key.number} if key.number else {"step": key.name}
