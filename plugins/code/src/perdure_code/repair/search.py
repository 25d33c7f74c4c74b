"""The search for a fix: which edits are tried next, and what their outcomes say."""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from perdure_code.location.facts import Evidence, Suspect
from perdure_code.location.source import Source
from perdure_code.repair.edits.change import Change
from perdure_code.repair.facts import Fix, Outcomes
from perdure_code.repair.generation import apply, changes_of
from perdure_code.repository.unified_diff import difference
from perdure_code.trials.records import Candidate

_STATEMENTS: Final = 60
_PLAUSIBLE: Final = 3.0
_PARTIAL: Final = 1.5
_FRUITLESS: Final = -0.005
_FRUITLESS_MOST: Final = -0.2


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """An edit that can be tried.

    Attributes:
        suspect: The suspected statement that it changes.
        change: The edit.
    """

    suspect: Suspect
    change: Change


@dataclass
class Search:
    """The edits of the suspected statements, the most promising first.

    An edit is promising when its statement is suspected and its kind is often the right one. What
    the tried ones came to is kept by statement: one that makes some of the failing tests pass
    speaks for its statement (mutation-based fault localisation, Papadakis and Le Traon 2015).

    Attributes:
        suspects: The suspected statements, heaviest first.
        sources: The parsed files, by path.
        targets: The tests that fail.
        plausible: The edits with which all of them pass, in the order in which they were found.
        partial: The edits with which some pass, by the places of these among the targets; that
            other tests go on passing is not known of these.
        counts: How many edits came to what.
        candidates: How many edits there were to try.
    """

    suspects: Sequence[Suspect]
    sources: Mapping[str, Source]
    targets: tuple[str, ...]
    plausible: list[Attempt] = field(default_factory=list)
    partial: dict[Attempt, tuple[int, ...]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    candidates: int = field(init=False)
    _pending: dict[Suspect, list[Change]] = field(default_factory=dict)
    _passed: dict[Suspect, float] = field(default_factory=dict)
    _tried: Counter[Suspect] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for suspect in self.suspects[:_STATEMENTS]:
            source = self.sources.get(suspect.path)
            statement = source.statement_at(suspect.line) if source else None
            if source is not None and statement is not None:
                self._pending[suspect] = changes_of(source, statement)[::-1]
        self.candidates = sum(map(len, self._pending.values()))

    def next(self, most: int) -> list[Attempt]:
        """Return the most promising edits, and take them from those to try."""
        heap = [
            (-self._promise(suspect, pending[-1]), place, suspect)
            for place, (suspect, pending) in enumerate(self._pending.items())
            if pending
        ]
        heapq.heapify(heap)
        attempts: list[Attempt] = []
        while heap and len(attempts) < most:
            _, place, suspect = heapq.heappop(heap)
            pending = self._pending[suspect]
            attempts.append(Attempt(suspect, pending.pop()))
            if pending:
                heapq.heappush(heap, (-self._promise(suspect, pending[-1]), place, suspect))
        return attempts

    def learn(self, attempts: Sequence[Attempt], outcomes: Outcomes) -> None:
        """Take in what edits came to; those that were not tried are put back."""
        for place in reversed(range(len(attempts))):
            attempt = attempts[place]
            if outcomes.letters[place] == "-":
                self._pending[attempt.suspect].append(attempt.change)
        for place, (attempt, letter) in enumerate(zip(attempts, outcomes.letters, strict=True)):
            if letter == "-":
                continue
            self.counts[letter] += 1
            self._tried[attempt.suspect] += 1
            passed = outcomes.passed.get(place, ())
            share = len(passed) / max(1, len(self.targets))
            if letter == "p":
                self.plausible.append(attempt)
                share = 2.0
            elif letter == "b":
                share *= 0.5
            elif passed:
                self.partial[attempt] = passed
            if attempt.change.removes:  # which pleases tests wherever it is
                share *= 0.25
            if share > self._passed.get(attempt.suspect, 0.0):
                self._passed[attempt.suspect] = share

    def _promise(self, suspect: Suspect, change: Change) -> float:
        return self._score(suspect) * change.likelihood

    def _score(self, suspect: Suspect) -> float:
        top = max(1e-9, self.suspects[0].score)
        return suspect.score / top * (1 + self._passed.get(suspect, 0.0))

    def ranked(self) -> tuple[Suspect, ...]:
        """Return the suspects ranked anew by what the edits showed."""
        suspects = [self._with_evidence(suspect) for suspect in self.suspects]
        return tuple(sorted(suspects, key=lambda one: (-one.score, one.path, one.line)))

    def _with_evidence(self, suspect: Suspect) -> Suspect:
        share, tried = self._passed.get(suspect, 0.0), self._tried[suspect]
        if share >= 1:
            reason, weight = "a small edit here makes the failing tests pass", _PLAUSIBLE
        elif share > 0:
            reason = "a small edit here makes some of the failing tests pass"
            weight = round(_PARTIAL * share, 3)
        elif tried:
            reason = "no small edit here makes a failing test pass"
            weight = max(_FRUITLESS_MOST, _FRUITLESS * tried)
        else:
            return suspect
        found = Evidence(reason=reason, weight=weight)
        score = round(suspect.score + suspect.ochiai * weight, 4)
        return suspect.model_copy(update={"score": score, "evidence": (*suspect.evidence, found)})

    @property
    def covered(self) -> bool:
        """Whether each failing test passes with some edit."""
        places = {place for passed in self.partial.values() for place in passed}
        return bool(self.plausible) or len(places) == len(self.targets)

    def subsets(self, most: int) -> list[tuple[tuple[int, ...], list[Attempt]]]:
        """Return the largest sets of failing tests that partial edits make pass, with these."""
        found: dict[tuple[int, ...], list[Attempt]] = {}
        for attempt, passed in self.partial.items():
            found.setdefault(passed, []).append(attempt)
        return sorted(found.items(), key=lambda one: (-len(one[0]), one[0]))[:most]

    def new_content(self, attempts: Sequence[Attempt]) -> dict[str, bytes]:
        """Return the files that edits change, as they are with all of them; by path."""
        edits: dict[str, list[Attempt]] = {}
        for attempt in attempts:
            edits.setdefault(attempt.suspect.path, []).append(attempt)
        return {
            path: apply(
                self.sources[path].content,
                Change(tuple(edit for one in some for edit in one.change.edits), "", 0.0),
            )
            for path, some in edits.items()
        }

    def fix(self, attempt: Attempt, targets: tuple[str, ...]) -> Fix:
        """Return an edit as a fix.

        Args:
            attempt: The edit.
            targets: The failing tests that pass with it.
        """
        source, change = self.sources[attempt.suspect.path], attempt.change
        new = apply(source.content, change)
        diff = difference(source.path, source.content.decode(), new.decode())
        return Fix(
            path=source.path,
            line=attempt.suspect.line,
            function=attempt.suspect.function,
            what=change.what,
            patch=diff.text,
            added=diff.added,
            removed=diff.removed,
            size=sum(end - start + len(text) for start, end, text in change.edits),
            likelihood=change.likelihood,
            targets=targets,
        )


def in_order(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Return edits with the best first.

    Those that take behaviour away come last, those of one line before others, then those whose kind
    is likely and whose line is suspected, then the smallest.
    """

    def weight(attempt: Attempt) -> tuple[bool, bool, float, int, str]:
        edits = attempt.change.edits
        lines = sum(text.count("\n") for _, _, text in edits)
        size = sum(end - start + len(text) for start, end, text in edits)
        promise = round(attempt.change.likelihood * attempt.suspect.score, 6)
        return attempt.change.removes, lines > 1, -promise, size, attempt.change.what

    return sorted(attempts, key=weight)


def as_candidates(
    attempts: Sequence[Attempt], reached: Mapping[tuple[str, str], tuple[int, ...]]
) -> Iterator[Candidate]:
    """Yield edits as the program takes them.

    Args:
        attempts: The edits.
        reached: By path and function, the places of the targets that execute it.
    """
    for number, attempt in enumerate(attempts):
        suspect = attempt.suspect
        yield Candidate(
            number=number,
            path=suspect.path,
            edits=attempt.change.edits,
            targets=reached.get((suspect.path, suspect.function), ()),
        )
