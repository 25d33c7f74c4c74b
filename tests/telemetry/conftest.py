"""An installation in processes of its own, whose spans go to a real collector."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from perdure.temporal.server.development_server import DevelopmentServer
from perdure.testing import ModelServer
from tests.support.collector import Collector, run_collector
from tests.support.command_line import CommandLine
from tests.support.plugins import install_plugin

LEAD = '''
import asyncio
import os
import signal
from pathlib import Path

from pydantic import BaseModel

from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl


class Parameters(BaseModel):
    dies_once: str = ""


async def lead(run: Run, goal: Goal) -> Result:
    """Die in a step, delegate, ask people, ask a model."""
    await run.step("first", first)
    await run.step("deadly", deadly, goal.parameters["dies_once"])
    if goal.parameters["dies_once"]:
        await asyncio.gather(run.delegate("helper", "one"), run.delegate("helper", "two"))
        assert await run.approve("Go on?")
        from pydantic_ai import Agent

        agent = Agent(model=run.model, tools=[look_up])
        return Result(summary=(await agent.run(goal.description)).output)
    return Result(summary="done")


async def helper(run: Run, goal: Goal) -> Result:
    return Result(summary=await run.step("work", work, goal.description))


async def hold(run: Run, goal: Goal) -> Result:
    """Hold on to a step for ever; hand that to another one when asked to."""
    await run.step("first", first)
    if goal.description == "delegate":
        await run.delegate("hold", "hold")
    await run.step("for ever", asyncio.Event().wait)
    return Result(summary="never")


def first() -> int:
    return 1


def deadly(file: str) -> None:
    """Kill this process, the first time, once what was done before can be seen."""
    if file and not Path(file + ".died").exists():
        while not Path(file).exists():
            pass
        Path(file + ".died").touch()
        os.kill(os.getpid(), signal.SIGKILL)


def work(text: str) -> str:
    return text


def look_up(word: str) -> str:
    """Look a word up."""
    return word.upper()


@hookimpl
def register_agents():
    return [
        AgentSpec(name="lead", description="Leads.", agent=lead, parameters=Parameters),
        AgentSpec(name="helper", description="Helps.", agent=helper),
        AgentSpec(name="hold", description="Holds on.", agent=hold),
    ]
'''


@pytest_asyncio.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Collector]:
    """Run a collector."""
    async with run_collector(tmp_path) as running:
        yield running


@pytest.fixture
def traced(
    tmp_path: Path,
    own_home: Path,
    server: DevelopmentServer,
    model_server: ModelServer,
    collector: Collector,
) -> Iterator[CommandLine]:
    """Return the command line of an installation that sends the collector its spans."""
    site = tmp_path / "site"
    install_plugin(site, "perdure-lead", LEAD)
    folder = tmp_path / "work"
    folder.mkdir()
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    environment = os.environ | collector.environment | model_server.environment
    command_line = CommandLine(
        folder,
        environment
        | {
            "PERDURE_HOME": str(own_home),
            "PERDURE_PLUGINS_ALLOW": "perdure-lead",
            "PYTHONPATH": path,
            "TEMPORAL_ADDRESS": server.address,
        },
    )
    try:
        yield command_line
    finally:
        command_line.end()
