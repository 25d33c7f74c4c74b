"""What mending a fault brings out."""

from pydantic import Field

from perdure_code.facts import Fact
from perdure_code.location.facts import Suspect


class Outcomes(Fact):
    """What came of the edits of one batch.

    Attributes:
        letters: One for each edit, in order: ``p`` plausible, ``b`` breaks a test that passed,
            ``f`` failed, ``s`` stopped, ``i`` no Python, ``-`` not tried.
        passed: By the place of an edit, which of the failing tests pass, where any does.
        seconds: How long the batch took.
        failure: Why nothing could be tried; empty when something was.
    """

    letters: str
    passed: dict[int, tuple[int, ...]] = Field(default_factory=dict)
    seconds: float = 0.0
    failure: str = ""


class Fix(Fact):
    """A small edit with which the failing tests pass, and the others go on passing.

    That makes it plausible, not right: the tests may not ask for what it gets wrong.

    Attributes:
        path: The file it changes, relative to the repository.
        line: Where, from 1.
        function: The function or class it is in; empty at the top of the file.
        what: What is done, in words.
        patch: A unified diff, to be applied in the repository's folder.
        added: Lines that it adds.
        removed: Lines that it removes.
        size: How many characters it changes.
        targets: The failing tests that pass with it.
        likelihood: How often such an edit is the right one, as a weight between 0 and 1.
    """

    path: str
    line: int
    function: str
    what: str
    patch: str
    added: int
    removed: int
    size: int
    likelihood: float
    targets: tuple[str, ...]


class Repair(Fact):
    """A search for a small edit that makes the failing tests pass.

    Attributes:
        fixes: The plausible ones, the smallest first.
        targets: The tests that fail.
        tried: How many edits were run.
        outcomes: How many came to what.
        candidates: How many there were to try.
        seconds: How long the search took.
        ended: Why it ended, in a sentence.
        suspects: The suspected lines, with what the edits showed.
    """

    fixes: tuple[Fix, ...]
    targets: tuple[str, ...]
    tried: int
    outcomes: dict[str, int]
    candidates: int
    seconds: float
    ended: str
    suspects: tuple[Suspect, ...]
