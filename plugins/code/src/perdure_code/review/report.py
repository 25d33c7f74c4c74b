"""Writing the review in Markdown."""

from collections.abc import Iterator, Sequence
from typing import Final

from perdure_code.markdown import cell, code, counted, head, plural
from perdure_code.review.comparison import new_failures, same
from perdure_code.review.facts import Finding, Function, Lint, Review, Withheld
from perdure_code.review.functions import LIMIT
from perdure_code.review.languages import language_sentence, other_languages, remarks
from perdure_code.sandbox.isolation import Isolation
from perdure_code.test_runs.outcomes import Outcome
from perdure_code.test_runs.report import outcome_of, tests_section

PATCH: Final = "fixes.patch"
_FINDINGS: Final = 100
_FUNCTIONS: Final = 20
_RULES: Final = 10
_WITHHELD: Final = 20


def write_review(review: Review, description: str) -> str:
    """Write the review.

    Args:
        review: What was found out.
        description: The goal in words.
    """
    sections = [
        head(f"Review of {cell(review.survey.name)}", description, summarise(review)),
        _findings(review.lint, review.fixes.withheld),
        _functions(review),
        other_languages(review.code_map),
        remarks(review.code_map),
        tests_section(review.tests),
        _patch(review),
        _size(review),
        _method(review),
    ]
    return "\n".join(line for section in sections for line in section).rstrip() + "\n"


def summarise(review: Review) -> list[str]:
    """Say the most important, one sentence each."""
    survey, lint, complexity = review.survey, review.lint, review.complexity
    lines = [f"{counted(survey.files, 'Python file')} with {counted(survey.code, 'line')} of code."]
    others = language_sentence(review.code_map)
    if others:
        lines.append(others)
    if lint.total:
        levels = ", ".join(
            f"{count:,} {plural(level.value, count)}" for level, count in lint.levels.items()
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


def _place(found: Finding | Function) -> str:
    return code(f"{found.path}:{found.line}")


def _one(finding: Finding) -> str:
    return f"{finding.code} at {_place(finding)}, {cell(finding.message).rstrip('.')}"


def _verified(review: Review) -> str:
    if review.fixed is None:
        return ""
    if same(review.tests, review.fixed):
        return "; with them applied the tests go as before"
    return "; with them applied the tests go differently, so look before you apply them"


def _findings(lint: Lint, withheld: Sequence[Withheld]) -> Iterator[str]:
    yield "## Findings"
    yield ""
    if lint.note:
        yield f"Note: {cell(lint.note)}."
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
            f"| {finding.level.value} | {cell(_place(finding))} | {rule}"
            f" | {cell(finding.message)} | {_settled(finding, withheld)} |"
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


def _settled(finding: Finding, withheld: Sequence[Withheld]) -> str:
    """Say whether the patch settles a finding."""
    if not finding.fixable:
        return ""
    for one in withheld:
        if one.path == finding.path and (one.line == finding.line or one.name in finding.message):
            return "withheld"
    return "*patch*"


def _functions(review: Review) -> Iterator[str]:
    complexity = review.complexity
    yield "## Complex functions"
    yield ""
    if complexity.worst:
        yield "| Function | Where | Complexity | Lines | Depth |"
        yield "|:--|:--|--:|--:|--:|"
        for one in complexity.worst[:_FUNCTIONS]:
            yield (
                f"| {cell(code(one.name))} | {cell(_place(one))} | {one.complexity}"
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
        yield "The worker's Python does not read:"
        yield ""
        for unparsed in complexity.unparsed[:_RULES]:
            yield f"- {code(unparsed.path)}: {cell(unparsed.message)}."
        if len(complexity.unparsed) > _RULES:
            yield f"- … and {len(complexity.unparsed) - _RULES:,} more."
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
    yield from new_failures(review.tests, review.fixed)
    if fixes.withheld:
        yield "Withheld, because others use what would be removed:"
        yield ""
        for one in fixes.withheld[:_WITHHELD]:
            use = one.because
            where = f"{use.path}:{use.line}" if use.line else use.path
            place = code(f"{one.path}:{one.line}")
            yield f"- {code(one.name)} in {place}, because {code(where)} {cell(use.how)}."
        if len(fixes.withheld) > _WITHHELD:
            yield f"- … and {len(fixes.withheld) - _WITHHELD:,} more."
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
        yield f"| {cell(code(file.path))} | {file.lines:,} |"
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
        rights = (
            "with the rights of the worker, which a copy does not limit"
            if review.tests.isolation == Isolation.NONE
            else "in a sandbox without a network, which shows nothing else of the worker's machine"
        )
        yield f"- Everything ran on copies of the repository. Its tests ran {rights}."
