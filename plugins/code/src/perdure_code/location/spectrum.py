"""What the tests executed: the records of a traced session, added up by statement."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

from perdure_code.location.source import Source, Statement
from perdure_code.trials.records import TestRecord

Place = tuple[str, int]


@dataclass
class Spectrum:
    """How often each statement is executed by failing and by passing tests.

    Attributes:
        failing: The records of the tests that fail, with the lines they execute.
        passing: How many tests pass.
        failed: Of the failing tests, how many execute the statement that begins at a place.
        passed: The same of the passing tests.
        statements: The statement at each place.
    """

    failing: list[TestRecord]
    passing: int
    failed: Counter[Place] = field(default_factory=Counter)
    passed: Counter[Place] = field(default_factory=Counter)
    statements: dict[Place, Statement] = field(default_factory=dict)

    def ochiai(self, place: Place) -> float:
        """Return the similarity of a statement's execution to the failures, from 0 to 1."""
        executed = self.failed[place] + self.passed[place]
        failures = len(self.failing)
        if not executed or not failures:
            return 0.0
        return self.failed[place] / sqrt(failures * executed)


def add_up(
    failing: Sequence[TestRecord],
    passing: int,
    passed_lines: Mapping[str, Mapping[int, int]],
    sources: Mapping[str, Source],
    unparsed: Collection[str] = (),
) -> Spectrum:
    """Count, by statement, the tests that execute it.

    Args:
        failing: The tests that fail.
        passing: How many tests pass.
        passed_lines: By path and line, how many passing tests execute it.
        sources: The parsed files, by path.
        unparsed: Files whose statements are not known: each of their lines counts for itself.
    """
    spectrum = Spectrum(failing=list(failing), passing=passing)
    for record in failing:
        reached = {
            place
            for path, lines in record.lines.items()
            if path in sources
            for line in lines
            if (place := _place(spectrum, sources[path], line)) is not None
        }
        # A file that cannot be imported was executed as far as its traceback goes.
        for path, line in record.trace:
            if path in sources and (place := _place(spectrum, sources[path], line)) is not None:
                reached.add(place)
        spectrum.failed.update(reached)
        for path in unparsed:
            spectrum.failed.update((path, line) for line in record.lines.get(path, ()))
    for path, counts in passed_lines.items():
        if path in unparsed:
            spectrum.passed.update({(path, line): count for line, count in counts.items()})
        if path not in sources:
            continue
        most: dict[Place, int] = {}
        for line, count in counts.items():
            place = _place(spectrum, sources[path], line)
            if place is not None:
                most[place] = max(most.get(place, 0), count)
        spectrum.passed.update(most)
    return spectrum


def _place(spectrum: Spectrum, source: Source, line: int) -> Place | None:
    statement = source.statement_at(line)
    if statement is None:
        return None
    place = (source.path, statement.line)
    spectrum.statements.setdefault(place, statement)
    return place
