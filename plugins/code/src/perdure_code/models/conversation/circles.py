"""Noticing that a model goes in circles."""

import json
from collections import Counter
from typing import Final

from perdure.agents import AnswerRefused

_SAME_CALLS: Final = 3
# What was read long ago is left out of the conversation, and may be read again.
_SAME_READS: Final = 5
_SAME_FAILURES: Final = 4
_REFUSALS_IN_A_ROW: Final = 6


class WentInCircles(AnswerRefused):
    """A model does again what it did; the message says what."""


class Circles:
    """What a model has done so far with a repository, as far as it tells whether it gets on."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._steps: Counter[tuple[str, str]] = Counter()
        self._failures: Counter[str] = Counter()
        self._refused = 0

    def read(self, state: str, tool: str, *arguments: object) -> None:
        """Count a call of a tool that only reads, in a state of the repository.

        Raises:
            WentInCircles: It was made too often: it gives the same each time.
        """
        self._count(_SAME_READS, state, tool, *arguments)

    def called(self, state: str, tool: str, *arguments: object) -> None:
        """Count a call of another tool in a state of the repository.

        Raises:
            WentInCircles: It was made too often: it gives the same each time.
        """
        self._count(_SAME_CALLS, state, tool, *arguments)

    def refused(self) -> None:
        """Count an edit that was refused.

        Raises:
            WentInCircles: Too many were, one after another.
        """
        self._refused += 1
        if self._refused >= _REFUSALS_IN_A_ROW:
            raise WentInCircles(f"{self._refused} edits in a row were refused")

    def changed(self, before: str, after: str) -> None:
        """Count an edit that leads from one state of the repository to another.

        Raises:
            WentInCircles: The same was done before, and undone since.
        """
        self._refused = 0
        self._steps[before, after] += 1
        if self._steps[before, after] > 1:
            raise WentInCircles("it makes an edit again that it has undone")

    def failed(self, failures: object) -> None:
        """Count a run of the tests in a new state of the repository, by what failed in it.

        Raises:
            WentInCircles: The same has failed too often, whatever was edited.
        """
        self._failures[json.dumps(failures, sort_keys=True)] += 1
        if max(self._failures.values()) >= _SAME_FAILURES:
            raise WentInCircles(f"after {_SAME_FAILURES} different edits the same tests fail alike")

    def _count(self, most: int, state: str, tool: str, *arguments: object) -> None:
        call = json.dumps([state, tool, *arguments])
        self._calls[call] += 1
        if self._calls[call] >= most:
            raise WentInCircles(f"it calls {tool} in the same way again and again")
