"""Fixes and tests of a model, in Markdown."""

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import JsonValue

from perdure_code.markdown import cell, code, counted, fenced, quoted
from perdure_code.models.changes.fixing import ModelFix, why_not_plausible
from perdure_code.models.changes.test_writing import WrittenTests
from perdure_code.test_runs.outcomes import TestsResult

FIX: Final = "fix.patch"
TESTS: Final = "tests.patch"
_LISTED: Final = 30
_SHOWN_PATCH: Final = 400


def verdict_on_fix(fix: ModelFix, model: str) -> str:
    """Say in a sentence or two what the tests prove of a fix."""
    comparison = fix.proof.comparison
    mended = counted(len(comparison.mended), "test")
    match fix.proof.status:
        case "plausible":
            return (
                f"{FIX} of {model} is plausible: {mended} that failed"
                f" {'passes' if len(comparison.mended) == 1 else 'pass'} with it, and none that"
                " passed fails."
            )
        case "doubtful":
            return (
                f"With {FIX} of {model} the tests pass, but it is doubtful:"
                f" {why_not_plausible(fix)}."
            )
        case "partial":
            return (
                f"{FIX} of {model} is a part: {mended} that failed"
                f" {'passes' if len(comparison.mended) == 1 else 'pass'} with it,"
                f" {len(comparison.failing)} still fail, and none that passed fails."
            )
        case _:
            return f"{FIX} of {model} is unproven: {fix.proof.unproven}; no test fails that passed."


def write_fix(fix: ModelFix, model: str) -> Iterator[str]:
    """Yield the lines of a section on a model's fix."""
    yield from ("## The fix", "", cell(verdict_on_fix(fix, model)), "")
    yield from ("### Proven by the tests", "")
    yield from _table(fix.before, fix.after)
    comparison = fix.proof.comparison
    yield from _listed("Failed before, pass now", comparison.mended)
    yield from _listed("Failed before, fail still", comparison.failing)
    yield from _listed("Pass now and then without the fix too", comparison.unsteady)
    if fix.proof.doubts:
        yield from ("Look at this first:", "")
        yield from (f"- {cell(doubt)}." for doubt in fix.proof.doubts)
        yield ""
    yield (
        "The tests ran as they were, without any change to them. That they pass says no more than"
        " that: read the change."
    )
    yield ""
    yield from _patch(FIX, fix.patch)
    if fix.tests_patch:
        yield from ("### Changes of tests", "")
        yield f"{code(TESTS)} changes or adds tests. It is apart from the fix and proves nothing."
        yield ""
        yield from _patch(TESTS, fix.tests_patch)
    yield from _account(fix.account, fix.ended, model)


def fix_data(fix: ModelFix) -> JsonValue:
    """Return what programs need of a model's fix."""
    comparison: JsonValue = fix.proof.comparison.model_dump(mode="json")
    return {
        "status": fix.proof.status,
        "unproven": fix.proof.unproven,
        "doubts": list(fix.proof.doubts),
        "tests": comparison,
        "files": list(fix.files),
        "tests_patch": fix.tests_patch,
        "account": fix.account,
        "ended": fix.ended,
    }


def verdict_on_tests(written: WrittenTests, model: str) -> str:
    """Say in a sentence or two what is proven of new tests."""
    tests = counted(len(written.tests), "test")
    verb = "passes" if len(written.tests) == 1 else "pass"
    said = f"{TESTS} of {model} adds {tests} that {verb} on the code as it is"
    if not written.tried:
        return f"{said}; nothing was found to change in what they name, so that is all."
    noticed, tried = written.noticed, len(written.tried)
    if not noticed:
        changes = counted(tried, "change")
        return f"{said}, but none notices any of {changes} of it, which proves little."
    return f"{said}; {noticed} of {counted(tried, 'change')} of it are noticed."


def write_tests(written: WrittenTests, model: str) -> Iterator[str]:
    """Yield the lines of a section on a model's tests."""
    yield from ("## New tests", "", cell(verdict_on_tests(written, model)), "")
    yield from _listed("They are", written.tests)
    if written.tried:
        yield from ("Changes of the code, one at a time, and the test that noticed:", "")
        yield from ("| Where | Change | Noticed by |", "|:--|:--|:--|")
        for one in written.tried:
            where = f"{one.mutation.path}:{one.mutation.line}"
            noticed = code(one.noticed) if one.noticed else "no test"
            change = code(one.mutation.what).replace("|", "\\|")
            yield f"| {code(where)} | {change} | {noticed} |"
        yield ""
    for why in written.left_out:
        yield from (f"{cell(why)}.", "")
    yield from _patch(TESTS, written.patch)
    yield from _account(written.account, written.ended, model)


def _table(before: TestsResult, after: TestsResult) -> Iterator[str]:
    yield "| | Passed | Failed | Skipped |"
    yield "|:--|--:|--:|--:|"
    for name, outcomes in (("Before", before), ("With the fix", after)):
        yield f"| {name} | {outcomes.passed:,} | {outcomes.failed:,} | {outcomes.skipped:,} |"
    yield ""


def _listed(title: str, names: Sequence[str]) -> Iterator[str]:
    if not names:
        return
    yield from (f"{title}:", "")
    yield from (f"- {code(name)}" for name in names[:_LISTED])
    if len(names) > _LISTED:
        yield f"- and {len(names) - _LISTED:,} more"
    yield ""


def _patch(name: str, patch: str) -> Iterator[str]:
    yield from (f"In the folder of the repository, `git apply {name}` or `patch -p1 < {name}`:", "")
    lines = patch.splitlines()
    yield from fenced("\n".join(lines[:_SHOWN_PATCH]), "diff")
    if len(lines) > _SHOWN_PATCH:
        yield from ("", f"{len(lines) - _SHOWN_PATCH:,} more lines are in the file.")
    yield ""


def _account(account: str, ended: str, model: str) -> Iterator[str]:
    yield from ("### Said by the model, and not checked", "")
    if ended:
        yield from (f"{cell(model)} came to no end of its own: {cell(ended)}.", "")
    if account:
        yield from quoted(account)
    elif not ended:
        yield "It said nothing."
    yield ""
