"""``pipeline``: one agent after the other."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from perdure.agents import (
    AgentFactory,
    AgentSpec,
    ParametersRefused,
    Result,
    StepFailed,
)
from perdure.testing import AgentContract, Installation, Rehearsal
from perdure_teams.plugin import register_agents

Rehearsed = Callable[..., Awaitable[Rehearsal]]


async def test_each_result_is_the_next_ones_input(rehearsed: Rehearsed) -> None:
    done = await rehearsed("pipeline", "Say it", {"steps": ["echo", "echo"]})
    assert done.result.summary == "<Say it\n\necho: <Say it>>"
    data = done.result.data
    assert data["result"] == {"length": len("Say it\n\necho: <Say it>")}
    assert [goal["name"] for goal in data["goals"]] == ["echo", "echo-2"]  # type: ignore[index,union-attr,call-overload]
    assert done.files == {"said.txt": b"Say it\n\necho: <Say it>"}


async def test_parameters_take_results_by_reference(rehearsed: Rehearsed) -> None:
    steps = [
        {"agent": "echo", "name": "first", "description": "four"},
        {
            "agent": "count",
            "description": "${goal}",
            "parameters": {"limit": "${first.data.length}"},
        },
    ]
    done = await rehearsed("pipeline", "How long?", {"steps": steps})
    assert done.result.summary == "limit 4"


async def test_a_file_of_the_team_is_found_by_its_name(
    rehearsed: Rehearsed, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("content")
    for path in ("a.txt", str(tmp_path / "a.txt")):
        steps = [{"agent": "count", "parameters": {"path": path}}]
        files = [str(tmp_path / "a.txt")]
        done = await rehearsed("pipeline", "Read", {"steps": steps, "files": files})
        assert done.result.summary == "read content"
    steps = [{"agent": "count", "parameters": {"path": f"{tmp_path.name}/a.txt"}}]
    done = await rehearsed("pipeline", "Read", {"steps": steps, "files": [str(tmp_path)]})
    assert done.result.summary == "read content"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "a/x\0",
        "~/secret.txt",
        "file:///etc/passwd",
        "secret.txt",
        "a/../../etc/passwd",
        "${echo}",
        "/etc/${echo}",
    ],
)
async def test_no_other_file_is_opened(rehearsed: Rehearsed, tmp_path: Path, path: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "secret.txt").write_text("x")
    steps = ["echo", {"agent": "count", "parameters": {"path": path}}]
    with pytest.raises(StepFailed, match="is none of the team's files"):
        await rehearsed(
            "pipeline", "/etc/hostname", {"steps": steps, "files": [str(tmp_path / "a")]}
        )


async def test_an_unknown_agent_is_named_before_anything_runs(rehearsed: Rehearsed) -> None:
    with pytest.raises(StepFailed, match="nobody"):
        await rehearsed("pipeline", "Say it", {"steps": ["echo", "nobody"]})
    steps = [{"agent": "count", "parameters": {"limit": "many"}}]
    with pytest.raises(StepFailed, match=re.escape("goal 'count': agent 'count' cannot take")):
        await rehearsed("pipeline", "Say it", {"steps": steps})


async def test_a_goal_that_fails_ends_it(rehearsed: Rehearsed) -> None:
    with pytest.raises(StepFailed, match="it is broken: mend it"):
        await rehearsed("pipeline", "Say it", {"steps": ["echo", "broken", "echo"]})


async def test_the_same_goal_is_answered_from_the_first(rehearsed: Rehearsed) -> None:
    steps = [{"agent": "tally", "description": "${goal}"}] * 3
    done = await rehearsed("pipeline", "Count", {"steps": steps})
    assert done.result.summary == "1"
    assert len(done.result.data["goals"]) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"steps": [{"agent": "echo", "description": "${later}"}]}, "before it there is none"),
        ({"steps": [{"agent": "echo", "description": "${echo}"}]}, "names the result of 'echo'"),
        ({"steps": ["echo"] * 10_000}, "at most 50 items"),
        ({"steps": []}, "at least 1 item"),
        ({"steps": ["Echo!"]}, "should match pattern"),
        ({"steps": ["{"]}, "it is no JSON"),
    ],
)
def test_what_cannot_be_run_is_refused_at_hand_in(parameters: dict[str, Any], why: str) -> None:
    with pytest.raises(ParametersRefused, match=why):
        AgentFactory.create("pipeline", parameters)


async def test_a_step_may_be_json_as_the_command_line_gives_it(rehearsed: Rehearsed) -> None:
    steps = ["echo", '{"agent": "count", "parameters": {"limit": 3}}']
    assert (await rehearsed("pipeline", "Say", {"steps": steps})).result.summary == "limit 3"


class TestPipeline(AgentContract):
    agent = "pipeline"
    description = "Say it"
    parameters = {"steps": ["one", {"agent": "two", "description": "${one.data.a}"}]}
    results = {"one": Result(summary="first", data={"a": 1}), "two": Result(summary="second")}
    bad_parameters = ({"steps": ["one", {"agent": "two", "description": "${three}"}]},)


async def test_a_file_is_handed_on_by_reference(
    perdure_installation: Installation, members: list[AgentSpec], rehearsed: Rehearsed
) -> None:
    for spec in members:
        if spec.name in {"count", "echo"}:
            await perdure_installation.finish(spec, "Be there")
    steps: list[Any] = [
        {"agent": "echo", "name": "first", "description": "content"},
        {"agent": "count", "parameters": {"path": "artifact:first/said.txt"}},
    ]
    result = await perdure_installation.finish("pipeline", "Read it", {"steps": steps})
    assert result.summary == "read content"
    done = await rehearsed("pipeline", "Read it", {"steps": steps})
    assert done.result.summary == "read content"
    steps[1]["parameters"] = {"path": "artifact:first/other.txt"}
    with pytest.raises(StepFailed, match=r"made no file 'other\.txt': it made said\.txt"):
        await rehearsed("pipeline", "Read it", {"steps": steps})


def test_the_four_are_registered() -> None:
    names = [spec.name for spec in register_agents()]
    assert names == ["pipeline", "panel", "plan-and-execute", "supervisor"]
