"""What ruff finds in a repository, by weight."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel, TypeAdapter

from perdure_code.repository.working_copy import copy_of_sources
from perdure_code.review.facts import Finding, Level, Lint
from perdure_code.review.ruff_run import Ruff
from perdure_code.review.severity import ORDER, level_of
from perdure_code.syntax.languages import PYTHON
from perdure_code.syntax.parsing import parse_file
from perdure_code.syntax.python_versions import old_syntax

_KEPT: Final = 1_000
_MESSAGE: Final = 300


class _Place(BaseModel):
    row: int
    column: int


class _Fix(BaseModel):
    applicability: str


class _Reported(BaseModel):
    """One entry of ruff's JSON, as far as it is used; without a code the file does not parse."""

    code: str | None
    filename: str
    location: _Place | None
    message: str
    fix: _Fix | None = None
    url: str | None = None


_REPORT: Final = TypeAdapter(list[_Reported])


def lint(root: str) -> Lint:
    """Run ruff over a copy of a repository.

    Raises:
        InputError: The repository is too large.
        PermanentError: Ruff is missing or does not work.
    """
    with copy_of_sources(Path(root)) as copy:
        ruff = Ruff(copy)
        output = ruff.check("--no-fix", "--output-format", "json")
        findings = [_finding(entry, copy) for entry in _REPORT.validate_json(output or "[]")]
        findings = list(_without_python_2(findings, copy))
    findings.sort(
        key=lambda one: (ORDER[one.level], one.path, one.line, one.column, one.code, one.message)
    )
    levels = Counter(finding.level for finding in findings)
    rules = Counter(finding.code for finding in findings)
    return Lint(
        findings=tuple(findings[:_KEPT]),
        total=len(findings),
        levels={level: levels[level] for level in Level if levels[level]},
        rules=dict(sorted(rules.items(), key=lambda rule: (-rule[1], rule[0]))),
        affected=len({finding.path for finding in findings}),
        rules_from=ruff.rules_from,
        note=ruff.note,
    )


def _without_python_2(findings: list[Finding], copy: Path) -> Iterator[Finding]:
    """Yield the findings; of a file for Python 2, of which every line is wrong, that alone."""
    wrong = {one.path for one in findings if one.code == "invalid-syntax"}
    old = {}
    for path in wrong:
        content = (copy / path).read_bytes()
        found = parse_file(path, PYTHON, content)
        lines = content.splitlines()
        first = next(one for one in findings if one.path == path and one.code == "invalid-syntax")
        because = found.because if found.needs == "2" else ""
        if not because and first.line <= len(lines):
            said = old_syntax(lines[first.line - 1])
            because = f"{said} in line {first.line}" if said else ""
        if because:
            old[path] = first.model_copy(
                update={"message": f"This file is written for Python 2: {because}"}
            )
    yield from old.values()
    yield from (one for one in findings if one.path not in old)


def _finding(entry: _Reported, copy: Path) -> Finding:
    code = entry.code or "invalid-syntax"
    path = Path(entry.filename)
    return Finding(
        path=(path.relative_to(copy) if path.is_absolute() else path).as_posix(),
        line=entry.location.row if entry.location else 1,
        column=entry.location.column if entry.location else 1,
        code=code,
        message=" ".join(entry.message.replace(f"{copy}/", "").split())[:_MESSAGE],
        level=level_of(code),
        fixable=entry.fix is not None and entry.fix.applicability == "safe",
        url=entry.url or "",
    )
