"""What the program that runs the tests is given, and what it writes."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Candidate(_Model):
    """A changed source.

    Attributes:
        number: Its place in the job.
        path: The file that is changed, relative to the repository.
        edits: What is put in place of which bytes of it.
        targets: The places of the targets that execute what is changed: no others can pass.
    """

    number: int
    path: str
    targets: tuple[int, ...]
    edits: tuple[tuple[int, int, str], ...]


class Job(_Model):
    """What the program is to do.

    Attributes:
        kind: ``run`` the tests, ``trace`` the lines they execute, or run them on ``candidates``.
        root: The folder of the repository's copy, as the program sees it.
        arguments: Further arguments for pytest.
        tests: The ids of the tests to run, in their order; none stands for all.
        limits: Of some tests, after how many seconds they are stopped.
        test_seconds: The same of the others.
        seconds: After how long no further test or candidate is begun.
        memory: How many bytes tests may take beyond what pytest has.
        workers: How many candidates are tried at the same time.
        candidates: The changed sources.
        targets: The tests that a candidate must make pass.
        others: The tests that must go on passing.
    """

    kind: Literal["run", "trace", "candidates"]
    root: str
    arguments: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    limits: dict[str, float] = Field(default_factory=dict)
    test_seconds: float = 5.0
    seconds: float = 60.0
    memory: int = 1 << 30
    workers: int = 1
    candidates: tuple[Candidate, ...] = ()
    targets: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class CollectedRecord(_Model):
    """The tests that pytest found."""

    kind: Literal["collected"]
    tests: tuple[str, ...]


class TestRecord(_Model):
    """How a test went.

    Attributes:
        id: Pytest's name for it, or the file that could not be collected.
        outcome: As named; ``stopped`` when it took too long.
        seconds: How long it took.
        error: The name of the class of what it raised.
        message: The text of what it raised.
        trace: The places in the repository that the exception came through, outermost first.
        lines: The lines of the repository that it executed, by path.
        late: Of a test that was stopped, the lines that it executed last.
    """

    __test__ = False

    kind: Literal["test"]
    id: str
    outcome: Literal["passed", "failed", "skipped", "stopped", "uncollected"]
    seconds: float
    error: str = ""
    message: str = ""
    trace: tuple[tuple[str, int], ...] = ()
    lines: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    late: dict[str, tuple[int, ...]] = Field(default_factory=dict)

    @property
    def fails(self) -> bool:
        """Whether it neither passed nor was skipped."""
        return self.outcome in {"failed", "stopped", "uncollected"}


class CoverageRecord(_Model):
    """What the passing tests execute.

    Attributes:
        passed: By path and line, how many of them.
        tests: The files that each test executes.
    """

    kind: Literal["coverage"]
    passed: dict[str, dict[int, int]]
    tests: dict[str, tuple[str, ...]]


class CandidateRecord(_Model):
    """What became of a candidate.

    Attributes:
        number: Its place in the job.
        outcome: ``plausible`` when the targets pass and the others go on passing; ``breaks`` when
            one of the others fails; ``invalid`` when it is no Python.
        passed: Which targets pass, by their places.
        seconds: How long its tests took.
        test: The first test that failed.
        error: The class of what that raised.
        message: What that said.
    """

    kind: Literal["candidate"]
    number: int
    outcome: Literal["plausible", "breaks", "failed", "stopped", "invalid"]
    passed: tuple[int, ...]
    seconds: float
    test: str = ""
    error: str = ""
    message: str = ""


class FailureRecord(_Model):
    """Why nothing could be run."""

    kind: Literal["failure"]
    message: str


class EndRecord(_Model):
    """The last record: why it ended before all was done; empty when all was."""

    kind: Literal["end"]
    reason: str


AnyRecord = Annotated[
    CollectedRecord | TestRecord | CoverageRecord | CandidateRecord | FailureRecord | EndRecord,
    Field(discriminator="kind"),
]
RECORD: TypeAdapter[AnyRecord] = TypeAdapter(AnyRecord)
