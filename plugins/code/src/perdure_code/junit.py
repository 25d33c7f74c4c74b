"""Reading the report that pytest writes."""

import re
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from perdure_code.facts import FailedTest, Outcome, Tests

_SHOWN: Final = 50
_MESSAGE: Final = 300
_MAX_BYTES: Final = 50_000_000
_WORST_FIRST: Final = ("failure", "error", "skipped")
_PLACE: Final = re.compile(r"^(?P<path>[^\s:][^:\n]*\.py):(?P<line>\d+): ", re.MULTILINE)


def read_report(report: Path, copy: Path) -> Tests | None:
    """Return what a JUnit report says; ``None`` when there is none that can be read.

    Args:
        report: The report.
        copy: Where the tests ran; their files are named relative to it.
    """
    try:
        if report.stat().st_size > _MAX_BYTES:
            return None
        # Expat refuses entities that blow up, and nothing is fetched.
        tree = ET.parse(report)  # noqa: S314
    except (OSError, ET.ParseError):
        return None
    passed = skipped = 0
    failures: list[FailedTest] = []
    for case in tree.iter("testcase"):
        # A test may fail and its clean-up too: the failure counts.
        problem = next(
            (found for tag in _WORST_FIRST if (found := case.find(tag)) is not None), None
        )
        if problem is None:
            passed += 1
        elif problem.tag == "skipped":
            skipped += 1
        else:
            failures.append(_failed(case, problem, copy))
    return Tests(
        outcome=Outcome.FAILED if failures else Outcome.PASSED,
        passed=passed,
        failed=len(failures),
        skipped=skipped,
        failures=tuple(failures[:_SHOWN]),
    )


def _failed(case: ET.Element, problem: ET.Element, copy: Path) -> FailedTest:
    text = (problem.text or "").replace(f"{copy}/", "")
    places = [
        (found["path"], int(found["line"]))
        for found in _PLACE.finditer(text)
        if (copy / found["path"]).is_file()
    ]
    path, line = places[-1] if places else (case.get("file") or "", 0)
    return FailedTest(name=_name(case), path=path, line=line, message=_message(problem, text, copy))


def _name(case: ET.Element) -> str:
    file, owner, name = case.get("file") or "", case.get("classname", ""), case.get("name", "")
    if not file:  # a file that could not be imported: its module is all there is
        return "::".join(part for part in (owner, name) if part)
    # The owner begins with the file's module: tests.test_basket.TestBasket.
    module = file.removesuffix(".py").replace("/", ".")
    inner = owner.removeprefix(module).strip(".").replace(".", "::")
    return "::".join(part for part in (file, inner, name) if part)


def _message(problem: ET.Element, text: str, copy: Path) -> str:
    said = (problem.get("message") or "").replace(f"{copy}/", "").strip()
    raised = re.findall(r"^E {1,3}(\S.*)$", text, flags=re.MULTILINE)
    if raised and (problem.tag == "error" or not said):
        said = raised[-1]
    return (said.splitlines() or ["no reason given"])[0][:_MESSAGE]
