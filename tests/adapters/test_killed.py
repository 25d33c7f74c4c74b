"""Agents of other libraries in a worker that is killed after the second model call."""

import os
import signal
from collections.abc import Iterator

import pytest

from perdure.temporal.worker.recovery import recover
from perdure.testing import ModelServer
from tests.support.fork_server import ForkServer
from tests.support.installation import Install, spec_elsewhere
from tests.support.library_agents import ANSWER, LIBRARIES, script
from tests.support.processes import is_running
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServer]:
    """The process that forks workers."""
    server = ForkServer("tests.adapters.library_worker:work")
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("library", LIBRARIES)
async def test_no_call_is_paid_twice_and_no_tool_is_done_twice(
    library: str, install: Install, fork_server: ForkServer
) -> None:
    here = await install(spec_elsewhere("guide"), work=False)
    home = here.settings.home
    (home / "halts").touch()
    with ModelServer(script) as server:
        async with here.workflow_worker():
            order = {"home": str(home), "address": here.address, "library": library}
            workers = [fork_server.fork(**order, environment=server.environment) for _ in range(2)]
            workflow_id = await here.start("guide")

            def halted() -> bool:
                assert any(map(is_running, workers)), "both workers have ended"
                return (home / "halted").exists()

            await until_async(halted, "the slow tool")
            assert len(server.requests) == 2
            done = (home / "done").read_text().splitlines()
            (working,) = {int(line.split()[-1]) for line in done}
            os.kill(working, signal.SIGKILL)
            await until_async(lambda: not is_running(working), "the worker's death")
            # A call that the server does not answer in time leaves it for the next one.
            await until_async(lambda: recover(here.client, home), "the recovery")
            output, record = await here.finish(workflow_id)
            workers.remove(working)
            os.kill(workers[0], signal.SIGKILL)
        assert output.success, record.error
        assert record.result is not None
        assert record.result.summary == ANSWER
        assert len(server.requests) == 3
        assert server.wasted_requests == 0
        assert record.result.usage.tokens_used == server.billed
    done = [line.rsplit(" ", 1)[0] for line in (home / "done").read_text().splitlines()]
    assert sorted(done) == ["count Oslo", "find Oslo", "slow Oslo"]
    events = await here.stored_events(workflow_id)
    assert [event.data["tool"] for event in events if event.type == "tool.called"] == [
        "find",
        "count",
        "slow",
    ]
    assert sorted(
        str(event.data["result"]) for event in events if event.type == "tool.returned"
    ) == ["count of Oslo is done", "find of Oslo is done", "slow of Oslo is done"]
    text = [str(event.data["text"]) for event in events if event.type == "text.delta"]
    assert "".join(text) == ANSWER
