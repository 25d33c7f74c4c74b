"""``perdure testing serve-model``: a scripted model, seen from outside as an author uses it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SCRIPT = """
replies:
  - text: Ann sings in the choir.
    pieces: 3
  - when: Weather
    calls: [{name: look, arguments: {city: Ghent}}]
    times: 1
  - when: rain in ghent
    text: It rains in Ghent.
  - {status: 429, retry_after: 0}
  - {text: after the wait, delay: 0.01}
  - {text: begun and cut, cut_after: 1}
  - garbage: true
otherwise: {text: nothing left}
"""

ASKING = """
import asyncio
import os
import sys

from pydantic_ai import Agent

from perdure.agents import Goal, Result, Run, agent
from perdure.testing import rehearse


@agent
async def asks(run: Run, goal: Goal) -> Result:
    "Asks whatever model there is."
    asking = Agent(run.model)

    @asking.tool_plain
    def look(city: str) -> str:
        return f"rain in {city}"

    said = [(await asking.run(question)).output for question in sys.argv[1:]]
    return Result(data={"said": list(said)})


print(asyncio.run(rehearse(asks, "Ask")).result.data["said"])
"""


@contextmanager
def serving(script: Path, *options: str) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-m", "perdure.cli", "testing", "serve-model", str(script)]
    served = subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield served
    finally:
        served.kill()
        served.communicate()


def exports(served: "subprocess.Popen[str]") -> dict[str, str]:
    assert served.stdout is not None
    assert "type this where the agent runs" in served.stdout.readline()
    lines = [served.stdout.readline().removeprefix("export ").strip() for _ in range(3)]
    return dict(line.split("=", 1) for line in lines)


def asked(environment: dict[str, str], *questions: str) -> str:
    clean = {name: value for name, value in os.environ.items() if "OPENAI" not in name}
    told = subprocess.run(
        [sys.executable, "-c", ASKING, *questions],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


def test_an_agent_that_names_no_vendor_asks_the_served_script(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(SCRIPT)
    with serving(script) as served:
        environment = exports(served)
        questions = ["Who?", "What is the weather?", "And then?"]
        said = asked(environment, *questions)
        served.send_signal(signal.SIGINT)
        out, err = served.communicate(timeout=20)

    assert said == "['Ann sings in the choir.', 'It rains in Ghent.', 'after the wait']"
    assert set(environment) == {"PERDURE_MODEL", "OPENAI_BASE_URL", "OPENAI_API_KEY"}
    lines = [line for line in err.splitlines() if "->" in line]
    assert lines[:4] == [
        "1  'Who?'  ->  'Ann sings in the choir.'",
        "2  'What is the weather?'  ->  look(city)",
        "3  'rain in Ghent'  ->  'It rains in Ghent.'",
        "4  'And then?'  ->  status 429",
    ]
    assert served.returncode == 0
    assert out == ""


def test_as_json_it_prints_one_document(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("replies: [{text: hello}]")
    with serving(script, "--json") as served:
        assert served.stdout is not None
        text = ""
        while not text.endswith("\n}\n"):
            text += served.stdout.readline()
        served.send_signal(signal.SIGTERM)
        served.communicate(timeout=20)
    document = json.loads(text)
    assert document["environment"]["OPENAI_BASE_URL"] == document["url"]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("", "line 1: it holds no script: write replies: and a list"),
        ("- text: a", "line 1: it holds no script"),
        ("replies:\n  - text: [", "line 2: that is no YAML"),
        ("replies: []", "line 1: replies cannot be used"),
        ("answers: []", "line 1: replies cannot be used (Field required)"),
        (
            "replies:\n  - text: a\n  - txt: b\n    text: c",
            "line 3: there is no field 'replies.2.txt' here, did you mean 'text'?",
        ),
        ("replies:\n  - text: a\n    status: ok", "line 3: replies.1.status cannot be used"),
        ("replies:\n  - text: a\n    retry_after: [1]", "line 3: replies.1.retry_after cannot"),
        ("replies:\n  - when: a", "line 2: replies.1 cannot be used (it answers nothing"),
        ("replies:\n  - calls:\n    - tool: x", "line 3: replies.1.calls.1.name cannot be used"),
        ("replies:\n  - {text: a}\notherwise: 7", "line 3: otherwise cannot be used"),
        ("replies:\n  - text: 7", "line 2: replies.1.text cannot be used"),
    ],
)
def test_a_mistake_is_told_with_line_and_field(script: str, told: str, tmp_path: Path) -> None:
    place = tmp_path / "script.yaml"
    place.write_text(script)
    with serving(place) as served:
        _, err = served.communicate(timeout=60)

    assert err.startswith(f"perdure: {place}, {told}")
    assert err.count("\n") == 1
    assert served.returncode == 1


def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    with serving(tmp_path / "none.yaml") as served:
        _, err = served.communicate(timeout=60)

    assert "none.yaml cannot be read" in err
    assert served.returncode == 1
