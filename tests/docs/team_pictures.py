"""What ``docs/how-to/teams.md`` shows of each team: the picture of its goals, and its summary.

``python -m tests.docs.team_pictures``, in the clone's root, makes them anew: its commands are run
in an installation of its own, with the model scripted below.
"""

import re
import shlex
from collections.abc import Callable, Sequence
from contextlib import chdir
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from pydantic import JsonValue

from perdure.agents.plugins.registry import installed_agents
from perdure.cli.arguments.parameters import read_parameters
from perdure.schemas.timelines import TeamGoal
from perdure.testing import (
    ChatRequest,
    Installation,
    ModelServer,
    Reply,
    ToolCall,
    calls,
    refuses,
    says,
)
from perdure.timelines.team_graph import HEIGHT, WIDTH, team_graph

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "how-to" / "teams.md"
SHOWN: Final = ROOT / "docs" / "_static" / "teams"

_COMMAND: Final = re.compile(r"^```sh\n(perdure run .*?)^```", re.MULTILINE | re.DOTALL)
# What the instructions of a team's model begin with.
_OF_TEAMS: Final = ("You plan how agents", "You say what agents", "You reach a goal")
_STYLE: Final = (
    "text{font:12px sans-serif;fill:#4c5a53}.name{font-size:13px;font-weight:600;fill:#16201b}"
    ".done{fill:#17703f}rect{fill:#fff;stroke:#c5cbc7}.mark{fill:#17703f;stroke:none}"
    "path{fill:none;stroke:#0f6b52;stroke-width:1.5}"
)
_PLAN: Final[list[JsonValue]] = [
    {
        "name": "sales",
        "agent": "analysis",
        "description": "Which region sold most in 2024?",
        "parameters": {"path": "sales.csv"},
    },
    {
        "name": "trees",
        "agent": "research",
        "description": "What does a street tree cost the town a year?",
        "parameters": {"sources": ["trees"]},
    },
    {
        "name": "months",
        "agent": "analysis",
        "description": "Which month of 2024 had the highest total revenue?",
        "parameters": {"path": "sales.csv"},
        "after": ["sales"],
    },
]


def _asks(question: str) -> Reply:
    return calls(ToolCall("analysis", {"goal": question, "parameters": {"path": "sales.csv"}}))


SCRIPTS: Final[dict[str, Sequence[Reply]]] = {
    "pipeline": (),
    "panel": (),
    "plan-and-execute": (
        calls(ToolCall("plan", {"goals": _PLAN})),
        calls(
            ToolCall(
                "conclude",
                {
                    "summary": "The region and the month that sold most in 2024 are in the sales"
                    " table; what a street tree costs a year is in the town's report."
                },
            )
        ),
    ),
    "supervisor": (
        _asks("What is the share of returns in the West?"),
        _asks("Which month of 2024 had the highest total revenue?"),
        says("Returns and revenue of the West are answered from the sales table."),
    ),
}


def _script(replies: Sequence[Reply]) -> Callable[[ChatRequest], Reply]:
    """Return a script that answers the team; its agents do without a model."""
    left = iter(replies)

    def reply(request: ChatRequest) -> Reply:
        if str(request.messages[0].get("content")).startswith(_OF_TEAMS):
            return next(left, refuses(400, code="script_is_over"))
        return says("nothing")

    return reply


def commands() -> dict[str, str]:
    """Return the page's commands by the team that each runs."""
    found = _COMMAND.findall(PAGE.read_text(encoding="utf-8"))
    return {shlex.split(command.replace("\\\n", " "))[2]: command for command in found}


def shown(team: str, installation: Installation, model: ModelServer) -> dict[str, str]:
    """Run a team's command; return the files that the page shows of it, by name."""
    model.answers(_script(SCRIPTS[team]))
    words = shlex.split(commands()[team].replace("\\\n", " "))
    assert set(words[4::2]) == {"--param"}, words
    with chdir(ROOT):
        parameters = read_parameters(words[5::2], installed_agents().agent(team).spec.parameters)
        decisions = {"May analysis work on this?": True}
        result = installation.run(team, words[3], parameters, decisions=decisions)
    summary = result.summary.replace(f"{ROOT}/", "")
    return {f"{team}.svg": picture(_goals_of(team, installation)), f"{team}.md": f"{summary}\n"}


def _goals_of(team: str, installation: Installation) -> tuple[TeamGoal, ...]:
    async def fetch() -> tuple[TeamGoal, ...]:
        stores: Any = installation._parts.stores
        (listed, *_) = await stores.goals.list(agent_type=team, limit=1)
        timeline = await stores.timelines.of(await stores.goals.get(listed.workflow_id))
        goals: tuple[TeamGoal, ...] = timeline.team
        return goals

    return installation._submit(fetch()).result()


def picture(goals: Sequence[TeamGoal]) -> str:
    """Return the graph of a team as its page draws it, in a file of its own, without times."""
    graph = team_graph(goals)
    assert graph is not None
    parts = [f'<path d="{edge.path}"/>' for edge in graph.edges]
    for node in graph.nodes:
        x = node.x + 14
        parts += [
            f'<rect x="{node.x}" y="{node.y}" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
            f'<rect class="mark" x="{node.x}" y="{node.y + 12}" width="3" height="{HEIGHT - 24}"/>',
            f'<text class="name" x="{x}" y="{node.y + 20}">{escape(node.goal.name)}</text>',
            f'<text x="{x}" y="{node.y + 37}">{escape(node.goal.agent_type)}</text>',
            f'<text class="done" x="{x}" y="{node.y + 54}">{escape(node.goal.status)}</text>',
        ]
    size = f'width="{graph.width}" height="{graph.height}"'
    view = f'viewBox="0 0 {graph.width} {graph.height}"'
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view}>\n'
        f"<style>{_STYLE}</style>\n{body}\n</svg>\n"
    )


def main() -> None:
    """Write every shown file as it comes out now."""
    SHOWN.mkdir(parents=True, exist_ok=True)
    with (
        ModelServer() as model,
        TemporaryDirectory() as home,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in model.environment.items():
            patch.setenv(name, value)
        installation = Installation(Path(home)).start()
        try:
            for team in SCRIPTS:
                for name, content in shown(team, installation, model).items():
                    (SHOWN / name).write_text(content, encoding="utf-8")
        finally:
            installation.stop()


if __name__ == "__main__":
    main()
