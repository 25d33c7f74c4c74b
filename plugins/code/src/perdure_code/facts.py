"""What is found out about a repository; each step of the agent returns one of these."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Fact(BaseModel):
    """The base of every model here: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileSize(Fact):
    """How long a file is.

    Attributes:
        path: Relative to the repository, with forward slashes.
        lines: All its lines.
    """

    path: str
    lines: int


class Survey(Fact):
    """A repository at first sight.

    Attributes:
        root: Its folder, absolute.
        name: The folder's name.
        files: Python files.
        lines: Lines in them.
        code: Of these, lines that hold more than white space or a comment.
        test_files: How many of the files are tests, by their name or folder.
        largest: The longest files, longest first.
        unreadable: Python files that the worker may not read.
    """

    root: str
    name: str
    files: int
    lines: int
    code: int
    test_files: int
    largest: tuple[FileSize, ...]
    unreadable: tuple[str, ...]


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


class Complexity(Fact):
    """How complex the functions are.

    Attributes:
        functions: How many there are.
        average: Their mean complexity; 0 when there are none.
        too_complex: How many are above the limit.
        worst: Those above the limit, at most fifty, most complex first.
        longest: The longest functions, at most five, longest first.
        unparsed: Files that are no valid Python, and were not measured.
    """

    functions: int
    average: float
    too_complex: int
    worst: tuple[Function, ...]
    longest: tuple[Function, ...]
    unparsed: tuple[str, ...]


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
    """

    patch: str
    files: int
    added: int
    removed: int
    remaining: tuple[str, ...] = ()


class Outcome(StrEnum):
    """What came of running the tests."""

    PASSED = "passed"
    FAILED = "failed"
    UNABLE = "unable"
    TIMEOUT = "timeout"
    NONE = "none"
    OFF = "off"


class FailedTest(Fact):
    """A test that failed, or a test file that could not be imported.

    Attributes:
        name: Such as ``tests/test_basket.py::test_total``.
        path: The file that raised, relative to the repository; empty when it is not known.
        line: The line that raised; 0 when it is not known.
        message: The first line of what it says.
    """

    name: str
    path: str
    line: int
    message: str


class Tests(Fact):
    """The outcome of the repository's own tests.

    Attributes:
        outcome: What came of running them.
        reason: Why they were not run to their end, in one sentence; empty when they were.
        passed: How many.
        failed: How many, errors included.
        skipped: How many, expected failures included.
        seconds: How long they took.
        failures: At most fifty, in the order in which they were run.
        note: What had to be changed to run them at all; empty when nothing had to.
        output: The end of what was printed, when they could not be run.
        runner: Which pytest on which Python.
    """

    __test__ = False  # pytest would take the name for a class of tests

    outcome: Outcome
    reason: str = ""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failures: tuple[FailedTest, ...] = ()
    note: str = ""
    output: str = ""
    runner: str = ""


class Review(Fact):
    """Everything found out about a repository.

    Attributes:
        fixed: How its tests go with the patch applied; ``None`` when that was not tried.
    """

    survey: Survey
    lint: Lint
    complexity: Complexity
    fixes: Fixes
    tests: Tests
    fixed: Tests | None = None
