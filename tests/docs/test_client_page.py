"""The functions of the page about the client, called as somebody would who has copied them."""

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.client import Client
from tests.support.command_line import CommandLine
from tests.support.until import until

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "client.md"
ASKS = '''
from perdure.agents import Goal, InputError, Result, Run, agent, hookimpl


@agent
async def asks(run: Run, goal: Goal) -> Result:
    """Asks people."""
    decision = await run.approve(goal.description)
    return Result(summary="yes" if decision else "no")


@agent
async def fails(run: Run, goal: Goal) -> Result:
    """Fails."""
    raise InputError("it never works: ask something else")


@hookimpl
def register_agents():
    return [asks, fails]
'''


@pytest.fixture
def page() -> dict[str, Any]:
    """Return what the page defines."""
    names: dict[str, Any] = {"__name__": "example"}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    for source in blocks:
        exec(compile(source, PAGE.name, "exec", dont_inherit=True), names)
    return names


@pytest.fixture
def url(own_home: Path, tmp_path: Path, server_binary: Path) -> Iterator[str]:
    """Return the address of a ``perdure dev``."""
    (tmp_path / "asks.py").write_text(ASKS)
    command_line = CommandLine(tmp_path, os.environ | {"PERDURE_HOME": str(own_home)})
    try:
        yield command_line.dev("--plugin", "asks.py").document["api_url"]
    finally:
        command_line.end()


@pytest.mark.bundled
def test_the_pages_functions_do_what_they_say(
    page: dict[str, Any], url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_SERVER", url)
    folder = tmp_path / "charts"
    folder.mkdir()
    summary = page["profile"](ROOT / "examples" / "analysis" / "sales.csv", folder)
    assert "revenue" in summary
    assert {path.suffix for path in folder.iterdir()} >= {".html", ".svg"}

    with Client() as client:
        [goal] = client.goals.list().goals
        assert len(asyncio.run(page["watch"](goal.workflow_id))) > 2
        assert page["status_of"](client, goal.workflow_id) == "completed"
        assert page["status_of"](client, "nobody") == "unknown"

        failed = client.goals.run("fails", "Try")
        assert page["retry_failed"](client, "fails") == 1
        assert not client.goals.wait(failed.workflow_id).success

        asked = client.goals.start("asks", "Publish?").workflow_id
        until(lambda: client.goals.show(asked).status == "waiting")
        assert page["approve_all"](client, "ann") == ["Publish?"]
        assert client.goals.wait(asked).result is not None
