"""Writing about a search for a fix in Markdown."""

from collections.abc import Iterator
from typing import Final

from perdure_code.location.tracing import Traced
from perdure_code.markdown import cell, code, counted
from perdure_code.repair.facts import Fix, Repair
from perdure_code.test_runs.outcomes import TestsResult
from perdure_code.test_runs.report import outcome_of

PATCH: Final = "fix.patch"
_OTHERS: Final = 10
_WORDS: Final = {
    "f": "left a failing test failing",
    "b": "broke a test that passed",
    "s": "did not end, and were stopped",
    "p": "are plausible",
    "i": "were no valid Python",
}


def repair_sentence(repair: Repair) -> str:
    """Say what the search came to."""
    tried = counted(repair.tried, "small edit")
    if not repair.fixes:
        return f"No plausible fix was found among {tried}: {repair.ended}."
    passing = {test for fix in repair.fixes for test in fix.targets}
    first = repair.fixes[0]
    of = "the failing test passes" if len(passing) == 1 else f"{len(passing):,} failing tests pass"
    if len(passing) < len(repair.targets):
        of = f"{len(passing):,} of {counted(len(repair.targets), 'failing test')} pass"
    edits = (
        f", {first.what} at {code(f'{first.path}:{first.line}')}"
        if len(repair.fixes) == 1
        else f" of {len(repair.fixes)} small edits"
    )
    return (
        f"A plausible fix{edits}: with it {of}, and no other test fails anew. The tests do not"
        " prove that it is right."
    )


def fix_section(repair: Repair) -> Iterator[str]:
    """Write the section about the fix."""
    yield "## The fix"
    yield ""
    yield repair_sentence(repair)
    yield ""
    for fix in repair.fixes:
        where = f" in {code(fix.function)}" if fix.function else ""
        yield f"{code(f'{fix.path}:{fix.line}')}{where}: {cell(fix.what)}."
        yield ""
        yield "```diff"
        yield fix.patch.rstrip("\n")
        yield "```"
        yield ""
    if repair.fixes:
        yield "In the folder of the repository:"
        yield ""
        yield f"    git apply {PATCH}        # or: patch -p1 < {PATCH}"
        yield ""


def tests_table(traced: Traced, after: TestsResult | None) -> Iterator[str]:
    """Write how the tests went before and after."""
    yield "## The tests, before and after"
    yield ""
    yield "| | Pass | Fail | Skipped |"
    yield "|:--|--:|--:|--:|"
    failing = len(traced.failing) + traced.more_failing
    yield f"| Before | {len(traced.passing):,} | {failing:,} | {traced.skipped:,} |"
    if after is not None:
        yield f"| With the fix | {after.passed:,} | {after.failed:,} | {after.skipped:,} |"
    yield ""
    if after is not None:
        yield outcome_of(after) + (f" Run by {after.runner}." if after.runner else "")
        yield ""


def others_section(others: tuple[Fix, ...]) -> Iterator[str]:
    """Write the section about the other plausible fixes."""
    if not others:
        return
    yield "## Other plausible fixes"
    yield ""
    yield "The failing tests pass with each of these too. More tests would tell them apart."
    yield ""
    yield "| Where | What | |"
    yield "|:--|:--|:--|"
    for fix in others[:_OTHERS]:
        changed = [line for line in fix.patch.splitlines()[2:] if line.startswith(("+", "-"))]
        shown = " ".join(code(line) for line in changed[:4])
        yield f"| {cell(code(f'{fix.path}:{fix.line}'))} | {cell(fix.what)} | {cell(shown)} |"
    yield ""
    if len(others) > _OTHERS:
        yield f"{len(others) - _OTHERS:,} more are in the JSON."
        yield ""


def method_of_repair(repair: Repair) -> Iterator[str]:
    """Say how the search went."""
    counts = ", ".join(
        f"{count:,} {_WORDS[letter]}" for letter, count in repair.outcomes.items() if count
    )
    yield (
        f"- {counted(repair.tried, 'edit')} of {repair.candidates:,} were tried in"
        f" {repair.seconds:.0f} s, the most promising first" + (f": {counts}." if counts else ".")
    )
    yield (
        "- Each was run by the failing tests, then by those that pass and execute the same file;"
        " the fix was then run by all tests, from its files."
    )
    yield (
        "- Plausible is not right: an edit may please the tests and still be wrong. Read it before"
        " you apply it."
    )
