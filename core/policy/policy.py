"""A policy: what its rules say of a subject."""

from dataclasses import dataclass
from typing import Final, Protocol

from perdure.policy.conditions import holds
from perdure.policy.rules import Outcome, PolicyFile, Rule
from perdure.policy.subject import Subject

_STRICTEST_FIRST: Final[tuple[Outcome, ...]] = ("deny", "ask", "allow")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says of a subject.

    Attributes:
        outcome: What comes of it.
        rules: The rules that say so: all that ask, as each of them is to be asked; otherwise the
            first in the file. Empty where the default decides.
    """

    outcome: Outcome
    rules: tuple[Rule, ...] = ()

    @property
    def is_by_default(self) -> bool:
        """Whether no rule is about it."""
        return not self.rules


class PolicyInForce(Protocol):
    """Rules that may change while something runs: what has not begun is judged by those of now."""

    def current(self) -> "Policy":
        """Return the rules as they are now."""


class Policy:
    """The rules of one file.

    Attributes:
        source: The name of the file.
        digest: SHA-256 of its text, in hexadecimal.
        default: What comes of that which no rule is about.
        rules: Its rules, in its order.
        lines: The number of the line that each begins in.
        looks_at_spending: Whether any rule looks at what a goal has spent, which has to be read.
    """

    def __init__(
        self, file: PolicyFile, *, source: str, digest: str, lines: tuple[int, ...]
    ) -> None:
        self.source = source
        self.lines = lines
        self.digest = digest
        self.default: Outcome = file.default
        self.rules = file.rules
        self.looks_at_spending = any(
            rule.when.cost is not None and rule.when.cost.spent_over is not None
            for rule in file.rules
        )

    def current(self) -> "Policy":
        """Return itself: rules that were given as a text do not change."""
        return self

    def judge(self, subject: Subject) -> Verdict:
        """Return what comes of a subject: where rules disagree, deny wins, and ask before allow."""
        matching = self.matching(subject)
        for outcome in _STRICTEST_FIRST:
            found = tuple(rule for rule in matching if rule.then == outcome)
            if found:
                return Verdict(outcome, found if outcome == "ask" else found[:1])
        return Verdict(self.default)

    def matching(self, subject: Subject) -> list[Rule]:
        """Return every rule that is about a subject, in the file's order."""
        return [rule for rule in self.rules if holds(rule, subject)]
