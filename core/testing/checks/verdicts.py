"""The verdict of one check of a plugin."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of ``perdure plugins check``.

    Attributes:
        check: What was checked.
        verdict: ``ok``, ``failed``, or ``not checked``.
        sentence: What was found and, where it failed, what to do.
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
    """Return the verdict that it could not be checked."""
    return Verdict(check, "not checked", sentence)
