"""What ruff finds in a repository, by weight."""

from collections import Counter
from pathlib import Path
from typing import Final

from pydantic import BaseModel, TypeAdapter

from perdure_code.facts import Finding, Level, Lint
from perdure_code.ruff_run import Ruff
from perdure_code.severity import ORDER, level_of
from perdure_code.working_copy import copy_of_sources

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
        InputError: The repository is too large, or has no Python file any more.
        PermanentError: Ruff is missing or does not work.
    """
    with copy_of_sources(Path(root)) as copy:
        ruff = Ruff(copy)
        output = ruff.check("--no-fix", "--output-format", "json")
        findings = [_finding(entry, copy) for entry in _REPORT.validate_json(output or "[]")]
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
