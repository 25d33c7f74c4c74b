"""Writing the review in Markdown."""

import re
from collections.abc import Iterator
from typing import Final

from perdure_code.facts import Finding, Function, Lint, Outcome, Review, Tests
from perdure_code.functions import LIMIT

PATCH: Final = "fixes.patch"
_FINDINGS: Final = 100
_FUNCTIONS: Final = 20
_RULES: Final = 10
_FAILURES: Final = 20


def write_review(review: Review, description: str) -> str:
    """Write the review.

    Args:
        review: What was found out.
        description: The goal in words.
    """
    sections = [
        _head(review, description),
        _findings(review.lint),
        _functions(review),
        _tests(review),
        _patch(review),
        _size(review),
        _method(review),
    ]
    return "\n".join(line for section in sections for line in section).rstrip() + "\n"


def summarise(review: Review) -> list[str]:
    """Say the most important, one sentence each."""
    survey, lint, complexity = review.survey, review.lint, review.complexity
    lines = [f"{counted(survey.files, 'Python file')} with {counted(survey.code, 'line')} of code."]
    if lint.total:
        levels = ", ".join(
            f"{count:,} {_plural(level.value, count)}" for level, count in lint.levels.items()
        )
        lines.append(
            f"{counted(lint.total, 'finding')} in {counted(lint.affected, 'file')} ({levels});"
            f" the weightiest: {_one(lint.findings[0])}."
        )
    else:
        lines.append("The linter finds nothing.")
    if complexity.worst:
        worst = complexity.worst[0]
        of = "function is" if complexity.too_complex == 1 else "functions are"
        lines.append(
            f"{complexity.too_complex:,} of {counted(complexity.functions, 'function')}"
            f" {'is' if complexity.too_complex == 1 else 'are'} more complex than {LIMIT}:"
            f" {code(worst.name)} ({_place(worst)}) with {worst.complexity}"
            f"{' the most' if of.endswith('are') else ''}."
        )
    lines.append(outcome_of(review.tests))
    if review.fixes.patch:
        lines.append(
            f"{code(PATCH)} holds the safe fixes in {counted(review.fixes.files, 'file')}"
            f" (+{review.fixes.added:,} -{review.fixes.removed:,}){_verified(review)}."
        )
    else:
        lines.append("There is no safe fix to apply.")
    return lines


def outcome_of(tests: Tests) -> str:
    """Say how the tests went."""
    counts = f"{tests.passed:,} passed, {tests.failed:,} failed, {tests.skipped:,} skipped"
    match tests.outcome:
        case Outcome.PASSED:
            skipped = f", {tests.skipped:,} skipped" if tests.skipped else ""
            return f"Its tests pass ({tests.passed:,} passed{skipped}, {tests.seconds:.1f} s)."
        case Outcome.FAILED:
            return f"Its tests fail ({counts}, {tests.seconds:.1f} s)."
        case Outcome.NONE:
            return "It has no tests."
        case Outcome.OFF:
            return "Its tests were not run, as asked."
        case Outcome.TIMEOUT:
            return f"Its tests did not end: {tests.reason}."
        case Outcome.UNABLE:
            return f"Its tests could not be run: {tests.reason}."


def counted(count: int, noun: str) -> str:
    """Write a count and its noun: ``1 file``, ``1,200 files``."""
    return f"{count:,} {_plural(noun, count)}"


def code(text: str) -> str:
    """Write a name as Markdown code."""
    return "`" + re.sub(r"\s+", " ", text).replace("`", "'") + "`"


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 or noun == "style" else f"{noun}s"


def _cell(text: str) -> str:
    """Keep text from ending a table's cell, or from being taken for mark-up outside of code."""
    flat = re.sub(r"\s+", " ", text).strip()
    parts = re.split(r"(`[^`]*`)", flat)
    escaped = [
        part if part.startswith("`") else re.sub(r"([\\*_\[\]<>])", r"\\\1", part) for part in parts
    ]
    return "".join(escaped).replace("|", "\\|")


def _place(found: Finding | Function) -> str:
    return code(f"{found.path}:{found.line}")


def _one(finding: Finding) -> str:
    return f"{finding.code} at {_place(finding)}, {_cell(finding.message).rstrip('.')}"


def _verified(review: Review) -> str:
    if review.fixed is None:
        return ""
    if _same(review.tests, review.fixed):
        return "; with them applied the tests go as before"
    return "; with them applied the tests go differently, so look before you apply them"


def _same(before: Tests, after: Tests) -> bool:
    names = [{failure.name for failure in tests.failures} for tests in (before, after)]
    return names[0] == names[1] and (
        (before.outcome, before.passed, before.failed, before.skipped)
        == (after.outcome, after.passed, after.failed, after.skipped)
    )


def _head(review: Review, description: str) -> Iterator[str]:
    yield f"# Review of {_cell(review.survey.name)}"
    yield ""
    yield f"> {_cell(description)}"
    yield ""
    yield from (f"- {line}" for line in summarise(review))
    yield ""


def _findings(lint: Lint) -> Iterator[str]:
    yield "## Findings"
    yield ""
    if lint.note:
        yield f"Note: {_cell(lint.note)}."
        yield ""
    if not lint.findings:
        yield f"None. Ruff's rules: {lint.rules_from}."
        yield ""
        return
    yield "Heaviest first. Those marked *patch* are settled by the patch."
    yield ""
    yield "| Weight | Where | Rule | What | |"
    yield "|:--|:--|:--|:--|:--|"
    for finding in lint.findings[:_FINDINGS]:
        rule = f"[{finding.code}]({finding.url})" if finding.url else finding.code
        yield (
            f"| {finding.level.value} | {_cell(_place(finding))} | {rule}"
            f" | {_cell(finding.message)} | {'*patch*' if finding.fixable else ''} |"
        )
    yield ""
    if lint.total > _FINDINGS:
        rules = [f"{rule} {count:,}" for rule, count in list(lint.rules.items())[:_RULES]]
        more = " …" if len(lint.rules) > _RULES else ""
        yield (
            f"{lint.total - _FINDINGS:,} lighter findings are not listed. By rule:"
            f" {', '.join(rules)}{more}."
        )
        yield ""


def _functions(review: Review) -> Iterator[str]:
    complexity = review.complexity
    yield "## Complex functions"
    yield ""
    if complexity.worst:
        yield "| Function | Where | Complexity | Lines | Depth |"
        yield "|:--|:--|--:|--:|--:|"
        for one in complexity.worst[:_FUNCTIONS]:
            yield (
                f"| {_cell(code(one.name))} | {_cell(_place(one))} | {one.complexity}"
                f" | {one.lines:,} | {one.depth} |"
            )
        yield ""
        if complexity.too_complex > _FUNCTIONS:
            yield f"{complexity.too_complex - _FUNCTIONS:,} less complex ones are not listed."
            yield ""
    else:
        yield f"No function is more complex than {LIMIT}."
        yield ""
    if complexity.functions:
        yield (
            f"{counted(complexity.functions, 'function')}, mean complexity"
            f" {complexity.average:.1f}."
        )
        yield ""
    if complexity.unparsed:
        files = ", ".join(map(code, complexity.unparsed[:_RULES]))
        more = " …" if len(complexity.unparsed) > _RULES else ""
        yield f"Not measured, as they are no valid Python: {files}{more}."
        yield ""


def _tests(review: Review) -> Iterator[str]:
    tests = review.tests
    yield "## Tests"
    yield ""
    yield outcome_of(tests) + (f" Run by {tests.runner}." if tests.runner else "")
    yield ""
    if tests.note:
        yield f"Note: {tests.note}."
        yield ""
    if tests.failures:
        yield "| Test | Where | What it says |"
        yield "|:--|:--|:--|"
        for failure in tests.failures[:_FAILURES]:
            where = f"{failure.path}:{failure.line}" if failure.line else failure.path
            yield (
                f"| {_cell(code(failure.name))} | {_cell(code(where)) if where else ''}"
                f" | {_cell(failure.message)} |"
            )
        yield ""
        if tests.failed > _FAILURES:
            yield f"{tests.failed - _FAILURES:,} more failed."
            yield ""
    if tests.output:
        yield "The end of what was printed:"
        yield ""
        yield from (f"    {line}".rstrip() for line in tests.output.splitlines()[-30:])
        yield ""


def _patch(review: Review) -> Iterator[str]:
    fixes = review.fixes
    yield "## The patch"
    yield ""
    if fixes.patch:
        yield (
            f"[{PATCH}]({PATCH}) changes {counted(fixes.files, 'file')} (+{fixes.added:,}"
            f" -{fixes.removed:,}){_verified(review)}. In the folder of the repository:"
        )
        yield ""
        yield f"    git apply {PATCH}        # or: patch -p1 < {PATCH}"
        yield ""
    else:
        yield "Nothing can be fixed safely by a machine."
        yield ""
    if fixes.remaining:
        files = ", ".join(map(code, fixes.remaining[:_RULES]))
        yield f"Fixes for {files} were left out: not UTF-8, or the patch would be too large."
        yield ""


def _size(review: Review) -> Iterator[str]:
    survey = review.survey
    yield "## Size"
    yield ""
    yield (
        f"{counted(survey.files, 'Python file')} ({survey.test_files:,} of them tests),"
        f" {counted(survey.lines, 'line')}, {survey.code:,} of them neither blank nor comment."
    )
    yield ""
    yield "| Largest files | Lines |"
    yield "|:--|--:|"
    for file in survey.largest:
        yield f"| {_cell(code(file.path))} | {file.lines:,} |"
    yield ""
    if survey.unreadable:
        files = ", ".join(map(code, survey.unreadable[:_RULES]))
        yield f"The worker may not read {files}."
        yield ""


def _method(review: Review) -> Iterator[str]:
    yield "## How this was made"
    yield ""
    yield (
        f"- Ruff's rules: {review.lint.rules_from}. They find patterns: a finding may be meant that"
        " way, and what has no pattern they do not see."
    )
    yield (
        "- Complexity is McCabe's: one, and one more for every decision, `and` and `or` among them."
        f" Above {LIMIT}, a function is hard to test."
    )
    if review.tests.outcome in {Outcome.OFF, Outcome.NONE}:
        yield "- Everything ran on copies; the repository itself was not changed."
    else:
        yield (
            "- Everything ran on copies of the repository. Its tests ran with the rights of the"
            " worker, which a copy does not limit."
        )
