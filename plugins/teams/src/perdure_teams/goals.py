"""The goals of a team: who does what, after whom, and what is refused before anything runs."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from perdure.agents import InputError
from perdure_teams.references import GOAL, goals_named_in

MOST_GOALS: Final = 50
"""How many goals a team may have: of a plan, of all its plans together, of a pipeline."""

_NAME: Final = r"^[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*$"

Name = Annotated[str, StringConstraints(pattern=_NAME, max_length=64)]


class TeamGoal(BaseModel):
    """A goal for one agent of a team; the agent's name alone stands for one that says no more."""

    model_config = ConfigDict(extra="forbid")

    agent: Name = Field(description="the agent that is to do it")
    name: Name | None = Field(
        default=None, description="what others call its result by; the agent's name if not given"
    )
    description: str = Field(
        default="",
        description="what it is to do; ${name} stands for the result of another goal, ${goal} for"
        " what the team is asked",
    )
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="the agent's parameters; they may name results as ${name.summary} and"
        " ${name.data.key}, and files as artifact:name/file",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_name(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if not value.lstrip().startswith("{"):
            return {"agent": value}
        try:
            given: object = json.loads(value)  # as the command line gives one of several
        except (ValueError, RecursionError) as error:
            raise ValueError(f"it is no JSON ({error})") from error
        return given


class PlannedTeamGoal(TeamGoal):
    """A goal of a plan."""

    after: list[Name] = Field(
        default_factory=list,
        max_length=MOST_GOALS,
        description="the goals that must be done before, where no reference says so already",
    )


@dataclass(frozen=True, slots=True)
class Node:
    """A goal with its name, and its place among the others.

    Attributes:
        name: What it is called within its team.
        agent: Who does it.
        description: What is asked; empty for what the team is asked.
        parameters: The agent's parameters, with their references.
        after: The goals whose results it uses, or that it waits for.
    """

    name: str
    agent: str
    description: str = ""
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    after: tuple[str, ...] = ()


def named(goals: Sequence[TeamGoal], taken: Collection[str] = ()) -> list[Node]:
    """Return goals as nodes, each with a name of its own and the goals that it refers to.

    Args:
        goals: The goals.
        taken: The names of goals that are there already.

    Raises:
        InputError: Two have one name, or a name is taken.
    """
    given = [goal.name for goal in goals if goal.name is not None]
    for name in given:
        if given.count(name) > 1 or name in taken:
            raise InputError(f"two goals are called {name!r}: give each a name of its own")
    names = {GOAL, *given, *taken}
    nodes = []
    for goal in goals:
        name = goal.name or _free_name(goal.agent, names)
        if name == GOAL and goal.name is not None:
            raise InputError(
                f"a goal is called {GOAL!r}, which is what the team is asked: rename it"
            )
        names.add(name)
        referred = goals_named_in([goal.description, goal.parameters])
        waited = goal.after if isinstance(goal, PlannedTeamGoal) else []
        after = tuple(dict.fromkeys([*waited, *(one for one in referred if one != GOAL)]))
        nodes.append(Node(name, goal.agent, goal.description, goal.parameters, after))
    return nodes


def in_order(nodes: Sequence[Node], done: Collection[str] = ()) -> list[Node]:
    """Return the goals of a plan, each behind those that it waits for.

    Args:
        nodes: The goals.
        done: The names of goals that were done before.

    Raises:
        InputError: There are too many, one waits for a goal that there is not, or they wait for one
            another in a circle.
    """
    if len(nodes) + len(done) > MOST_GOALS:
        raise InputError(
            f"the plan has {len(nodes) + len(done):,} goals, and {MOST_GOALS} are the most: make"
            " fewer, larger ones"
        )
    by_name = {node.name: node for node in nodes}
    for node in nodes:
        check_known(node, {*by_name, *done})
    waiting = {node.name: [name for name in node.after if name in by_name] for node in nodes}
    try:
        return [by_name[name] for name in TopologicalSorter(waiting).static_order()]
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise InputError(
            f"the goals {circle} wait for one another in a circle: let one of them begin without"
            " the others"
        ) from error


def check_known(node: Node, known: Iterable[str]) -> None:
    """Check that the goals are there that a goal waits for.

    Raises:
        InputError: One is not.
    """
    names = set(known)
    for name in node.after:
        if name not in names:
            there = ", ".join(sorted(names)) or "none"
            raise InputError(
                f"goal {node.name!r} names the result of {name!r}, and before it there is {there}:"
                " name one of these, or write $${…} for the characters themselves"
            )


def _free_name(agent: str, taken: Collection[str]) -> str:
    name, number = agent, 1
    while name in taken:
        number += 1
        name = f"{agent}-{number}"
    return name
