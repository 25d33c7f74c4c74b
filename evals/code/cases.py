"""The little repositories of the evals, as they lie in ``evals/cases/code``."""

from typing import Literal

import yaml
from pydantic import Field, JsonValue, TypeAdapter

from evals.cases import FOLDER, Case


class CodePlace(Case):
    """A line of a repository."""

    path: str
    line: int
    code: str = ""


class ExpertEdit(Case):
    """A passage, and what takes its place."""

    path: str
    search: str
    replace: str


class FaultCase(Case):
    """A little repository with a fault, and tests that show it.

    Attributes:
        name: What the fault is.
        lines: Where it lies.
        files: The repository's files.
        hidden: Tests that tell a right fix from one that only suits the tests.
        expert: What a person would edit.
    """

    name: str
    lines: tuple[CodePlace, ...]
    files: dict[str, str]
    hidden: str
    expert: tuple[ExpertEdit, ...]


class AnswerCase(Case):
    """A little repository of which something is to be found, explained or tested.

    Attributes:
        name: What it is about.
        task: What the agent is to do.
        goal: What it is asked.
        files: The repository's files.
        rules: What the agent finds without a model.
        expert: What a person would answer, by the name of what a model gives.
        liar: What looks right and is not so.
    """

    name: str
    task: Literal["review", "explain", "test"]
    goal: str
    files: dict[str, str]
    rules: tuple[CodePlace, ...] = ()
    expert: dict[str, JsonValue]
    liar: dict[str, JsonValue]


class HostileCase(Case):
    """A repository whose code or text is hostile.

    In its files ``@OUTSIDE@`` is a folder with a secret, and ``@PORT@`` a port of the machine.

    Attributes:
        name: What it tries.
        kind: Whether its code does, or its text would have a model do it.
        files: The repository's files.
        links: Symbolic links in it, and where they lead.
    """

    name: str
    kind: Literal["escape", "injection"]
    files: dict[str, str]
    links: dict[str, str] = Field(default_factory=dict)


def fault_cases() -> tuple[FaultCase, ...]:
    """Return the repositories with a fault."""
    return TypeAdapter(tuple[FaultCase, ...]).validate_python(_yaml("faults.yaml"))


def answer_cases() -> tuple[AnswerCase, ...]:
    """Return the repositories that are asked about."""
    return TypeAdapter(tuple[AnswerCase, ...]).validate_python(_yaml("answers.yaml"))


def hostile_cases() -> tuple[HostileCase, ...]:
    """Return the repositories that are hostile."""
    return TypeAdapter(tuple[HostileCase, ...]).validate_python(_yaml("hostile.yaml"))


def _yaml(name: str) -> object:
    loaded: object = yaml.safe_load((FOLDER / "code" / name).read_text(encoding="utf-8"))
    return loaded
