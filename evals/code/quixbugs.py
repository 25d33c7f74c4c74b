"""``python -m evals.code.quixbugs --folder QuixBugs``: 40 faults, located and fixed by rules.

QuixBugs (Lin et al. 2017, https://github.com/jkoppel/QuixBugs) has 40 short programs with one wrong
line each, their tests and their right versions. Whoever measures brings a clone: nothing of it is
in here. Each program becomes a repository of its own, with its tests, that the code agent is given
twice: to locate the fault, and to fix it. Its right version is only compared with afterwards.

A fault is located when a line that differs from the right version is among the first five; where a
line is missing, one beside its place. A fix is plausible when all tests pass with it, and exact
when it makes the right version, apart from layout.
"""

import argparse
import ast
import asyncio
import difflib
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from pydantic import JsonValue

from benchmarks.verdict import Figure, print_verdict, report

PROGRAMS: Final = 40
LOCATED: Final = 28
PLAUSIBLE: Final = 10
FIRST: Final = 5
_SHARED: Final = (
    "conftest.py",
    "python_programs/node.py",
    "python_testcases/node.py",
    "python_testcases/load_testdata.py",
)


@dataclass(frozen=True)
class Score:
    """What came of one program.

    Attributes:
        name: The program.
        rank: The place of the faulty line among those suspected, from 1; 0 when it is not there.
        fixed: Whether a plausible fix was found.
        exact: Whether it makes the right version.
        ended: Whether both goals came to their end.
        seconds: How long locating and fixing took.
        said: The summary of the fix.
    """

    name: str
    rank: int
    fixed: bool
    exact: bool
    ended: bool
    seconds: tuple[float, float]
    said: str


def programs(folder: Path) -> list[str]:
    """Return the names of the programs that have a right version and tests."""
    return sorted(
        file.stem
        for file in (folder / "python_programs").glob("*.py")
        if (folder / "python_testcases" / f"test_{file.name}").exists()
        and (folder / "correct_python_programs" / file.name).exists()
    )


def lay_out(folder: Path, name: str, target: Path) -> None:
    """Make a repository of one program."""
    files = [*_SHARED, f"python_programs/{name}.py", f"python_testcases/test_{name}.py"]
    files.append(f"json_testcases/{name}.json")
    for file in files:
        if (folder / file).exists():
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / file, target / file)


def faulty_lines(wrong: str, right: str) -> set[int]:
    """Return the lines of a program that differ from its right version, from 1."""
    before, after = _code_lines(wrong), _code_lines(right)
    numbers = [number for number, line in enumerate(before, 1) if line.strip()]
    matcher = difflib.SequenceMatcher(
        None,
        [line for line in before if line.strip()],
        [line for line in after if line.strip()],
        autojunk=False,
    )
    lines: set[int] = set()
    for tag, start, end, _, _ in matcher.get_opcodes():
        if tag == "insert":
            lines |= set(numbers[max(0, start - 1) : start + 1])
        elif tag != "equal":
            lines |= set(numbers[start:end])
    return lines


def _code_lines(source: str) -> list[str]:
    """Return the lines up to the text below the code that describes it."""
    lines = [line.split("#")[0].rstrip() for line in source.splitlines()]
    for node in ast.parse(source).body[1:]:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return lines[: node.lineno - 1]
    return lines


def rank_of(suspects: Sequence[dict[str, Any]], path: str, lines: set[int]) -> int:
    """Return the place of the first suspect that has one of the lines; 0 when none has."""
    for place, one in enumerate(suspects, 1):
        if one["path"] == path and lines & set(range(one["line"], one["end"] + 1)):
            return place
    return 0


def is_right(patched: str, right: str) -> bool:
    """Whether a program means what its right version does, word for word."""
    return ast.dump(ast.parse("\n".join(_code_lines(patched)))) == ast.dump(
        ast.parse("\n".join(_code_lines(right)))
    )


def measured(folder: Path, name: str, seconds: float, sandbox: str) -> Score:
    """Locate and fix the fault of one program; what fails there ends no other's measurement."""
    began = time.monotonic()
    try:
        return asyncio.run(score(folder, name, seconds, sandbox))
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is this program's score
        said = f"{type(error).__name__}: {error}"
        took = round(time.monotonic() - began, 1)
        return Score(name, 0, fixed=False, exact=False, ended=False, seconds=(took, 0.0), said=said)


async def score(folder: Path, name: str, seconds: float, sandbox: str) -> Score:
    """Locate and fix the fault of one program."""
    from perdure.testing import rehearse

    path = f"python_programs/{name}.py"
    wrong = (folder / path).read_text("utf-8")
    right = (folder / "correct_python_programs" / f"{name}.py").read_text("utf-8")
    with TemporaryDirectory(prefix="quixbugs-") as made:
        target = Path(made) / "repository"
        lay_out(folder, name, target)
        given: dict[str, JsonValue] = {"path": str(target), "sandbox": sandbox}
        began = time.monotonic()
        located = await rehearse("code", "Locate the fault", {**given, "task": "locate"})
        middle = time.monotonic()
        fixing = {**given, "task": "fix", "search_seconds": seconds}
        fixed = await rehearse("code", "Fix the fault", fixing)
        ended = time.monotonic()
    data: dict[str, Any] = dict(fixed.result.data)
    changed = _patched(wrong, data["fixes"])
    return Score(
        name=name,
        rank=rank_of(
            json.loads(located.files["location.json"])["suspects"],
            path,
            faulty_lines(wrong, right),
        ),
        fixed=bool(data["fixes"]),
        exact=any(is_right(text, right) for text in changed),
        ended=True,
        seconds=(round(middle - began, 1), round(ended - middle, 1)),
        said=fixed.result.summary,
    )


def _patched(wrong: str, fixes: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the program with the fix."""
    for fix in fixes:
        lines = wrong.splitlines(keepends=True)
        made: list[str] = []
        at = 0
        for line in fix["patch"].splitlines(keepends=True)[2:]:
            if line.startswith("@@"):
                start = int(line.split()[1].split(",")[0][1:]) - 1
                made += lines[at:start]
                at = start
            elif line.startswith(" "):
                made.append(lines[at])
                at += 1
            elif line.startswith("-"):
                at += 1
            elif line.startswith("+"):
                made.append(line[1:])
        yield "".join([*made, *lines[at:]])


def main() -> bool:
    """Measure every program; whether every target is reached."""
    parser = argparse.ArgumentParser(prog="python -m evals.code.quixbugs", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="a clone of QuixBugs")
    parser.add_argument("--seconds", type=float, default=60.0, help="for the search of each fix")
    parser.add_argument("--sandbox", default="bubblewrap", choices=("bubblewrap", "none"))
    parser.add_argument("programs", nargs="*", help="some of them; all when none is named")
    given = parser.parse_args()
    scores = []
    for name in given.programs or programs(given.folder):
        one = measured(given.folder, name, given.seconds, given.sandbox)
        came = "fixed" if one.fixed else "not fixed" if one.ended else one.said
        report(f"{name}: rank {one.rank}, {came}, {one.seconds} s")
        scores.append(one)
    figures = {
        "programs": Figure(len(scores), PROGRAMS, "at least"),
        "located": Figure(sum(0 < one.rank <= FIRST for one in scores), LOCATED, "at least"),
        "plausible": Figure(sum(one.fixed for one in scores), PLAUSIBLE, "at least"),
        "ended": Figure(sum(one.ended for one in scores), len(scores), "at least"),
    }
    details: dict[str, object] = {
        one.name: {
            "rank": one.rank,
            "plausible": one.fixed,
            "exact": one.exact,
            "ended": one.ended,
            "seconds": one.seconds,
            "said": one.said,
        }
        for one in scores
    }
    return print_verdict(figures, details)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
