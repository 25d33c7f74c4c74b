"""Which agent is suggested, and the goal as commands."""

import json
import shlex

import pytest
from pydantic import JsonValue

from perdure.schemas.agents import AgentDescription
from perdure.web.forms.suggestion import suggested_agent
from perdure.web.rendering.commands import curl_command, run_command


def described(name: str, description: str, *examples: str) -> AgentDescription:
    return AgentDescription(
        name=name,
        description=description,
        distribution="perdure-test",
        version="1.0",
        parameters=[],
        parameters_schema=None,
        examples=list(examples),
    )


AGENTS = [
    described("analysis", "Profiles tables and answers questions.", "Which region sold most?"),
    described("document", "Compares and summarises documents.", "Summarise the report"),
    described("code", "Reviews a Python repository.", "What should we repair first?"),
]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Compare these documents", "document"),
        ("a summary of the REPORTS", "document"),
        ("Which regions sold least?", "analysis"),
        ("review my repositories", "code"),
        ("hello", None),
        ("what should", None),
        ("", None),
    ],
)
def test_the_agent_whose_words_are_used_is_suggested(text: str, name: str | None) -> None:
    suggested = suggested_agent(text, AGENTS)
    assert (suggested and suggested.name) == name


def words(command: str) -> list[str]:
    """Return what a shell makes of a command of several lines."""
    return shlex.split(command.replace(" \\\n", " "))


def test_of_two_that_suit_alike_none_is_suggested() -> None:
    twins = [described("one", "Counts words."), described("two", "Counts words.")]
    assert suggested_agent("count the words", twins) is None
    assert suggested_agent("count", []) is None


def test_a_goal_is_the_same_as_a_command() -> None:
    content: dict[str, JsonValue] = {
        "goal_id": "g",
        "description": "say 'it'; $(rm -rf /)",
        "agent_type": "echo",
        "parameters": {"depth": "quick", "count": 2, "names": ["a b", "c"], "deep": {"x": [1]}},
        "budget": {"cost": 0.5, "steps": 9},
    }
    assert words(run_command(content)) == [
        *("perdure", "run", "echo", "say 'it'; $(rm -rf /)"),
        *("--param", "depth=quick", "--param", "count=2"),
        *("--param", "names=a b", "--param", "names=c", "--param", 'deep={"x": [1]}'),
        *("--budget", "cost=0.5", "--budget", "steps=9"),
    ]
    call = words(curl_command("http://127.0.0.1:8000", content))
    assert call[:4] == [
        *("curl", "http://127.0.0.1:8000/api/execute-goal"),
        *("-H", "Content-Type: application/json"),
    ]
    assert json.loads(call[5]) == content
    closed = words(curl_command("https://goals.example", content, with_key=True))
    assert closed[2:4] == ["-H", "Authorization: Bearer $PERDURE_KEY"]
