"""What locating a fault brings out."""

from perdure_code.facts import Fact


class Evidence(Fact):
    """One reason why a line is suspected.

    Attributes:
        reason: In words, a part of a sentence.
        weight: What it adds to the line's score, or takes from it, as a share.
    """

    reason: str
    weight: float


class Suspect(Fact):
    """A statement that may be at fault.

    Attributes:
        path: Relative to the repository.
        line: Its first line, from 1.
        end: Its last.
        function: The function or class it is in; empty at the top of the file.
        text: Its first line as it is written.
        failed: How many failing tests execute it.
        passed: How many passing tests execute it.
        ochiai: Their similarity to the failures, from 0 to 1 (Ochiai 1957; Abreu et al. 2007).
        score: What the ranking goes by: Ochiai, and the evidence beside it.
        evidence: That evidence.
    """

    path: str
    line: int
    end: int
    function: str
    text: str
    failed: int
    passed: int
    ochiai: float
    score: float
    evidence: tuple[Evidence, ...] = ()


class Location(Fact):
    """The suspected lines of a repository.

    Attributes:
        suspects: Heaviest first.
        failing: The tests that fail, in pytest's order.
        passing: How many tests pass.
        statements: How many statements the failing tests execute.
        note: What limits the ranking, in a sentence; empty when nothing does.
    """

    suspects: tuple[Suspect, ...]
    failing: tuple[str, ...]
    passing: int
    statements: int
    note: str = ""
