"""What a check of a plugin comes to."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of ``perdure plugins check``.

    Attributes:
        check: What was looked at.
        verdict: ``ok``, ``failed``, or ``not checked``.
        sentence: What was seen and, where it failed, what to do.
    """

    check: str
    verdict: Literal["ok", "failed", "not checked"]
    sentence: str


def ok(check: str, sentence: str) -> Verdict:
    """Return the verdict that something is as it should be."""
    return Verdict(check, "ok", sentence)


def failed(check: str, sentence: str) -> Verdict:
    """Return the verdict that it is not."""
    return Verdict(check, "failed", sentence)


def not_checked(check: str, sentence: str) -> Verdict:
    """Return the verdict that nobody knows."""
    return Verdict(check, "not checked", sentence)
