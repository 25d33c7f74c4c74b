"""The pytest plugin, in a test run of an author's own: outside this repository, as installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from perdure import testing

TESTS = '''
import asyncio
import os
import pytest
from pydantic import BaseModel, Field
from perdure.agents import Budget, Goal, Result, Run, agent
from perdure.testing import rehearse, says


class Words(BaseModel):
    text: str = Field(default="moss", description="what to say")


def shout(text: str) -> str:
    return text.upper()


@agent
async def shouts(run: Run, goal: Goal, parameters: Words) -> Result:
    """Shouts."""
    await run.progress(50)
    text = await run.step("shout", shout, parameters.text)
    await run.artifact("text.txt", text)
    if await run.approve("Loud?"):
        text += "!"
    return Result(summary=text)


@agent
async def asks(run: Run, goal: Goal) -> Result:
    """Asks a model."""
    from pydantic_ai import Agent

    return Result(summary=(await Agent(run.model).run("Who?")).output)


@agent
async def fails(run: Run, goal: Goal) -> Result:
    """Fails."""
    await run.step("one", shout, "a")
    await run.step("two", shout, "b")
    return Result()


def test_plain(perdure_installation):
    answers = {"Loud?": True}
    result = perdure_installation.run(shouts, "Shout", {"text": "hey"}, decisions=answers)
    assert result.summary == "HEY!"
    assert perdure_installation.read(result.artifacts[0]) == b"HEY"


def test_the_models_of_an_installation_are_scripted(perdure_installation, model_server):
    model_server.answers([says("Ann")])
    assert perdure_installation.run(asks, "Ask").summary == "Ann"
    assert len(model_server.requests) == 1


def test_another_script(perdure_installation, model_server):
    assert perdure_installation.run(asks, "Ask").summary == "You said: Who?"


def test_the_models_of_a_rehearsal_are_scripted(model_server):
    model_server.answers([says("Bob")])
    assert os.environ["OPENAI_BASE_URL"] == model_server.url
    assert asyncio.run(rehearse(asks, "Ask")).result.summary == "Bob"


def test_why_a_goal_failed(perdure_installation):
    with pytest.raises(AssertionError, match="'fails' ended failed: .*steps"):
        perdure_installation.run(fails, "Fail", budget=Budget(steps=1))
'''
ASYNC_TEST = """

async def test_async(perdure_installation):
    answers = {"Loud?": False}
    both = [perdure_installation.finish(shouts, "Shout", decisions=answers) for _ in "ab"]
    assert [one.summary for one in await asyncio.gather(*both)] == ["MOSS", "MOSS"]
"""


def run_tests(folder: Path, source: str, *options: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_shouts.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_an_author_runs_goals_on_a_real_server(tmp_path: Path) -> None:
    outcome = run_tests(tmp_path, TESTS + ASYNC_TEST, "-o", "asyncio_mode=auto")

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "6 passed" in outcome.stdout


def test_the_same_without_pytest_asyncio(tmp_path: Path) -> None:
    outcome = run_tests(tmp_path, TESTS, "-p", "no:asyncio")

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "5 passed" in outcome.stdout


def test_the_contract_says_one_sentence_where_it_is_broken(tmp_path: Path) -> None:
    source = TESTS.partition("def test_plain")[0] + (
        "from perdure.testing import AgentContract\n"
        "class TestFails(AgentContract):\n    agent = fails\n"
    )
    outcome = run_tests(tmp_path, source, "-k", "progress", "-p", "no:asyncio")

    assert outcome.returncode == pytest.ExitCode.TESTS_FAILED
    assert "BrokenContract: the agent tells no progress" in outcome.stdout
    assert "_checks.py" not in outcome.stdout


def test_the_plugin_costs_nothing_where_it_is_not_used() -> None:
    source = """
import pytest, sys
before = set(sys.modules)
import perdure.testing.pytest_plugin
print(len(set(sys.modules) - before), "pydantic" in sys.modules)
"""
    process = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    modules, pydantic = process.stdout.split()
    assert int(modules) <= 4
    assert pydantic == "False"


def test_all_that_is_promised_can_be_imported() -> None:
    for name in testing.__all__:
        assert getattr(testing, name) is not None
    assert dir(testing) == sorted(testing.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'moss'"):
        _ = testing.moss
