"""The command line as a stranger runs it: real processes, an agent installed for them alone."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine, Dev
from tests.support.plugins import install_plugin

ECHO = """
import asyncio
import time
from pathlib import Path
from pydantic import BaseModel, Field
from perdure.agents import AgentSpec, Goal, InputError, Result, Run, hookimpl

class Parameters(BaseModel):
    text: str = Field("", description="What to say.")
    times: int = 1
    tags: list[str] = []
    wait_for: str = Field("", json_schema_extra={"format": "path"})
    fail: bool = False
    block: float = 0
    stuck: bool = False
    freeze: bool = False
    ask: str = ""
    signal: str = ""

async def echo(run: Run, goal: Goal) -> Result:
    given = goal.parameters
    await run.progress(10, "listening")
    paid = await run.step("pay", pay, given["wait_for"])
    await run.progress(20, "paid")
    while given["wait_for"] and not Path(given["wait_for"]).exists():
        await asyncio.sleep(0.05)
    if given["freeze"]:
        block(60, given["text"])
    while given["stuck"]:
        try:
            Path(given["text"]).touch()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
    if given["block"]:
        await run.step("block", block, given["block"], given["text"])
    if given["ask"]:
        asked = [run.approve(given["ask"], {"paid": paid}) for _ in range(given["times"])]
        if not all(await asyncio.gather(*asked)):
            raise InputError("somebody said no: ask something else")
    if given["signal"]:
        return Result(data={"got": await run.wait_for(given["signal"]), "paid": paid})
    if given["fail"] and not Path("sales.csv").exists():
        raise InputError("there is no file sales.csv: give another path")
    await run.artifact("echo.txt", given["text"] * given["times"])
    return Result(summary=f"said {given['text']}", data={"tags": given["tags"], "paid": paid})

def block(seconds: float, sign: str) -> None:
    Path(sign).touch()
    time.sleep(seconds)

def pay(place: str) -> int:
    if not place:
        return 0
    bill = Path(place + ".bill")
    bill.write_text(bill.read_text() + "x" if bill.exists() else "x")
    return len(bill.read_text())

@hookimpl
def register_agents():
    return [AgentSpec(name="echo", description="Says it again.", agent=echo, parameters=Parameters)]
"""


@pytest.fixture
def perdure(tmp_path: Path, own_home: Path, server_binary: Path) -> Iterator[CommandLine]:
    """Return the command line on an empty home, with the agent ``echo`` installed."""
    site = tmp_path / "site"
    install_plugin(site, "perdure-echo", ECHO)
    folder = tmp_path / "work"
    folder.mkdir()
    environment = os.environ | {
        "PERDURE_HOME": str(own_home),
        "PYTHONPATH": str(site),
        "PERDURE_PLUGINS_ALLOW": "perdure-echo",
    }
    command_line = CommandLine(folder, environment)
    try:
        yield command_line
    finally:
        command_line.end()


@pytest.fixture
def start_dev(perdure: CommandLine) -> Callable[..., Dev]:
    """Return a function that starts ``perdure dev`` and waits until it is ready."""
    return perdure.dev
