"""Ranking the statements that failing tests execute."""

from collections.abc import Mapping, Sequence
from typing import Final

from perdure_code.location.evidence import gather
from perdure_code.location.facts import Evidence, Location, Suspect
from perdure_code.location.source import Source
from perdure_code.location.spectrum import Place, Spectrum
from perdure_code.trials.records import TestRecord

_KEPT: Final = 200
_UNREAD: Final = ("SyntaxError", "IndentationError", "TabError")


def rank(
    spectrum: Spectrum,
    sources: Mapping[str, Source],
    tests: Sequence[str],
    note: str = "",
    unparsed: Mapping[str, str] | None = None,
) -> Location:
    """Rank the statements, heaviest first.

    Statements of the tests are left out, unless the failing tests execute no others.

    Args:
        spectrum: What the tests executed.
        sources: The parsed files, by path.
        tests: The paths of those that belong to the tests.
        note: What limits the ranking.
        unparsed: The texts of files whose statements are not known; ranked by their lines.
    """
    texts = unparsed or {}
    is_test = {path: path in set(tests) for path in (*sources, *texts)}
    places = [
        place
        for place, count in spectrum.failed.items()
        if count and (place in spectrum.statements or place[0] in texts)
    ]
    outside = [place for place in places if not is_test[place[0]]]
    if not outside:
        is_test = dict.fromkeys(is_test, False)
    evidence = gather(spectrum, sources, is_test)
    suspects = [
        _suspect(place, spectrum, evidence.get(place, []), _text(place, sources, texts))
        for place in outside or places
    ]
    suspects += _broken(spectrum, sources)
    suspects.sort(key=lambda one: (-one.score, one.path, one.line))
    return Location(
        suspects=tuple(suspects[:_KEPT]),
        failing=tuple(record.id for record in spectrum.failing),
        passing=spectrum.passing,
        statements=len(suspects),
        note=note,
    )


def _broken(spectrum: Spectrum, sources: Mapping[str, Source]) -> list[Suspect]:
    """Return the lines at which Python stopped reading a file, which no test can execute."""
    failures: dict[tuple[str, int], list[TestRecord]] = {}
    for record in spectrum.failing:
        unread = any(name in record.message for name in _UNREAD)
        if record.trace and unread and record.trace[-1][0] not in sources:
            failures.setdefault(record.trace[-1], []).append(record)
    return [
        Suspect(
            path=path,
            line=line,
            end=line,
            function="",
            text="",
            failed=len(records),
            passed=0,
            ochiai=1.0,
            score=2.0,
            evidence=(Evidence(reason=records[0].message.partition("\n")[0], weight=1.0),),
        )
        for (path, line), records in failures.items()
    ]


def _text(place: Place, sources: Mapping[str, Source], texts: Mapping[str, str]) -> str:
    path, line = place
    if path in sources:
        return sources[path].line_text(line).strip()
    lines = texts[path].splitlines()
    return lines[line - 1].strip() if line <= len(lines) else ""


def _suspect(place: Place, spectrum: Spectrum, evidence: Sequence[Evidence], text: str) -> Suspect:
    path, line = place
    statement = spectrum.statements.get(place)
    ochiai = spectrum.ochiai(place)
    score = ochiai * max(0.05, 1 + sum(one.weight for one in evidence))
    return Suspect(
        path=path,
        line=line,
        end=statement.end if statement else line,
        function=statement.function if statement else "",
        text=text[:200],
        failed=spectrum.failed[place],
        passed=spectrum.passed[place],
        ochiai=round(ochiai, 4),
        score=round(score, 4),
        evidence=tuple(one for one in evidence if one.reason != "its kind"),
    )
