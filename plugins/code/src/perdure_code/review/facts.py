"""What is found out about a repository; each step of the agent returns one of these."""

from enum import StrEnum

from perdure_code.facts import Fact
from perdure_code.models.answers.findings import ModelFindings
from perdure_code.repository.inventory import Survey
from perdure_code.syntax.facts import RepositoryMap
from perdure_code.syntax.uses import Use
from perdure_code.test_runs.outcomes import TestsResult


class Level(StrEnum):
    """How much a finding weighs, heaviest first."""

    ERROR = "error"
    RISK = "risk"
    WARNING = "warning"
    STYLE = "style"


class Finding(Fact):
    """One place that the linter points at.

    Attributes:
        path: Relative to the repository.
        line: From 1.
        column: From 1.
        code: Ruff's rule, such as ``F401``.
        message: What is wrong, in ruff's words.
        level: How much it weighs.
        fixable: Whether ruff has a safe fix for it, which the patch then holds.
        url: Where the rule is explained; empty when it is not.
    """

    path: str
    line: int
    column: int
    code: str
    message: str
    level: Level
    fixable: bool
    url: str = ""


class Lint(Fact):
    """What the linter says.

    Attributes:
        findings: The weightiest, at most a thousand, heaviest first.
        total: How many there are.
        levels: How many of each level, heaviest first; levels without any are left out.
        rules: How many of each rule, most frequent first.
        affected: In how many files.
        rules_from: Whose rules: the repository's own, or those of this agent.
        note: What stood in the way of the repository's own rules; empty when nothing did.
    """

    findings: tuple[Finding, ...]
    total: int
    levels: dict[Level, int]
    rules: dict[str, int]
    affected: int
    rules_from: str
    note: str = ""


class Function(Fact):
    """One function or method.

    Attributes:
        path: Relative to the repository.
        line: Where it begins, from 1.
        name: Qualified, such as ``Basket.total``.
        complexity: Cyclomatic: one and one more for each decision.
        lines: Its length.
        depth: How deep its blocks nest.
    """

    path: str
    line: int
    name: str
    complexity: int
    lines: int
    depth: int


class Unparsed(Fact):
    """A Python file that the worker's Python does not read.

    Attributes:
        path: Relative to the repository.
        line: Where it gave up, from 1; 0 when it is not known.
        message: What is wrong, or which Python the file needs.
        needs: That Python, such as ``3.12``, or ``2``; empty when the file is wrong.
    """

    path: str
    line: int
    message: str
    needs: str = ""


class Complexity(Fact):
    """How complex the functions are.

    Attributes:
        functions: How many there are.
        average: Their mean complexity; 0 when there are none.
        too_complex: How many are above the limit.
        worst: Those above the limit, at most fifty, most complex first.
        longest: The longest functions, at most five, longest first.
        unparsed: Files that the worker's Python does not read. Those that need another one are
            measured by their syntax all the same.
    """

    functions: int
    average: float
    too_complex: int
    worst: tuple[Function, ...]
    longest: tuple[Function, ...]
    unparsed: tuple[Unparsed, ...]


class Withheld(Fact):
    """A fix that is not made, because it would remove a name that something uses.

    Attributes:
        path: The file, relative to the repository.
        line: Where the name is bound, from 1.
        name: The name.
        because: Who uses it.
    """

    path: str
    line: int
    name: str
    because: Use


class Fixes(Fact):
    """The linter's safe fixes as a patch.

    Attributes:
        patch: A unified diff, to be applied in the repository's folder; empty when there is
            nothing to fix.
        files: How many files it changes.
        added: Lines that it adds.
        removed: Lines that it removes.
        remaining: Files with fixes that did not go into the patch, because they are not UTF-8 or
            the patch would have become too large.
        withheld: Fixes that are not made, as others use what they would remove; at most a hundred.
    """

    patch: str
    files: int
    added: int
    removed: int
    remaining: tuple[str, ...] = ()
    withheld: tuple[Withheld, ...] = ()


class Review(Fact):
    """Everything found out about a repository.

    Attributes:
        code_map: Its source files in every language.
        fixed: How its tests go with the patch applied; ``None`` when that was not tried.
        model: What a model found too; ``None`` without any.
    """

    survey: Survey
    code_map: RepositoryMap
    lint: Lint
    complexity: Complexity
    fixes: Fixes
    tests: TestsResult
    fixed: TestsResult | None = None
    model: ModelFindings | None = None
