"""A step's name in the journal: what makes it the same step in every execution of its run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepKey:
    """What makes a step the same step in a later execution.

    Attributes:
        name: The name the agent gave it.
        digest: SHA-256, in hexadecimal, of its input (and version) as canonical JSON.
        occurrence: 0 for the first step of that name *and* input in an execution, then 1, 2 …
    """

    name: str
    digest: str
    occurrence: int


def stream_of(key: StepKey) -> str:
    """Return the name of the text that a step makes, for :meth:`EventEmitter.emit_text`.

    A step that makes several, or makes one anew, appends ``.`` and what tells them apart. Once the
    step is recorded its texts stay; those of a step that was cut off are withdrawn.
    """
    return f"{key.name}#{key.digest[:12]}#{key.occurrence}"
