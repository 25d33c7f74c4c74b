"""The parameters of the code agent."""

from enum import StrEnum
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from perdure.agents import InputPath
from perdure_code.sandbox.isolation import Isolation
from perdure_code.sandbox.limits import MEBIBYTE, Limits
from perdure_code.test_runs.settings import TestSettings

_SECONDS: Final = 120.0
_MEMORY_MB: Final = 2048
_SEARCH_SECONDS: Final = 120.0
_DISK_MB: Final = 1024
_PROCESSES: Final = 512


class TaskKind(StrEnum):
    """What is to be done with a repository."""

    REVIEW = "review"
    TEST = "test"
    LOCATE = "locate"
    FIX = "fix"
    EXPLAIN = "explain"


class CodeParameters(BaseModel):
    """The parameters of a goal for the ``code`` agent.

    Attributes:
        path: The folder of the repository, as the worker sees it; or a bare git repository, or a
            ZIP or tar archive of one.
        url: The https URL of a git repository, in place of a path.
        ref: The branch, tag or commit of a git repository.
        task: What is to be done with it.
        tests: Whether to run the repository's tests, which executes its code.
        tests_timeout: Seconds after which its tests are stopped.
        tests_command: A line for a shell that runs its tests, in place of pytest.
        sandbox: What keeps the repository's code from the rest of the worker's machine.
        trust_model: Whether what a model writes may be run with ``sandbox=none`` too.
        install: Whether what the repository declares to need may be installed for its tests, from
            wheels alone, into an environment of their own.
        memory_mb: Mebibytes of memory that one run of its tests may use.
        disk_mb: Mebibytes that one run of its tests may write.
        processes: Processes and threads that one run of its tests may have at one time.
        search_seconds: ``fix``: seconds after which no further edit is tried.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: InputPath | None = Field(
        default=None,
        description="folder or archive of a repository, as the worker sees it",
    )
    url: str | None = Field(
        default=None, min_length=1, max_length=2000, description="https URL of a git repository"
    )
    ref: str = Field(
        default="", max_length=200, description="branch, tag or commit of a git repository"
    )
    task: TaskKind = Field(default=TaskKind.REVIEW, description="what is to be done with it")
    tests: bool = Field(
        default=True, description="run the repository's tests; this executes its code"
    )
    tests_timeout: float = Field(
        default=_SECONDS, ge=1, le=600, description="seconds after which its tests are stopped"
    )
    tests_command: str = Field(
        default="",
        max_length=2000,
        description="shell command that runs its tests in place of pytest, as for other languages",
    )
    sandbox: Isolation = Field(
        default=Isolation.BUBBLEWRAP,
        description="where its code runs: under bubblewrap, or with the worker's rights (none)",
    )
    trust_model: bool = Field(
        default=False,
        description="run what a model writes with sandbox=none too, with the worker's rights",
    )
    install: bool = Field(
        default=False,
        description="install what the repository declares to need, for its tests alone",
    )
    memory_mb: int = Field(
        default=_MEMORY_MB, ge=64, le=1 << 20, description="MiB of memory its tests may use"
    )
    disk_mb: int = Field(
        default=_DISK_MB, ge=1, le=1 << 20, description="MiB its tests may write to the disk"
    )
    processes: int = Field(
        default=_PROCESSES, ge=8, le=100_000, description="processes and threads its tests may have"
    )
    search_seconds: float = Field(
        default=_SEARCH_SECONDS,
        ge=5,
        le=1_800,
        description="fix: seconds after which no further edit is tried",
    )

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        if (self.path is None) == (self.url is None):
            raise PydanticCustomError("one_origin", "give the repository in path or in url")
        return self

    @model_validator(mode="after")
    def _runs_only_one_s_own_code_without_sandbox(self) -> Self:
        # Whoever may hand in goals could otherwise run anything on the worker's machine.
        if self.sandbox is Isolation.NONE and (self.url is not None or self.tests_command):
            raise PydanticCustomError(
                "not_without_sandbox",
                "what a url or tests_command brings is run in a sandbox alone: leave out"
                " sandbox=none, or give the folder of a repository of your own",
            )
        return self

    @property
    def place(self) -> str:
        """What names the repository: its path or its URL."""
        return str(self.path) if self.url is None else self.url

    @property
    def test_settings(self) -> TestSettings:
        """How the repository's tests are to be run."""
        return TestSettings(
            isolation=self.sandbox,
            trust_model=self.trust_model,
            install=self.install,
            command=self.tests_command.strip(),
            limits=Limits(
                seconds=self.tests_timeout,
                memory_bytes=self.memory_mb * MEBIBYTE,
                disk_bytes=self.disk_mb * MEBIBYTE,
                processes=self.processes,
            ),
        )
