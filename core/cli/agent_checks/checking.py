"""Calls the agents' own checks, which ``perdure doctor`` shows, in a process of their own.

A check may hang, or end or kill its process: the others are called all the same.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from perdure.cli.output.printing import print_message

if TYPE_CHECKING:
    from perdure.models import Check

CHECK_SECONDS: Final = 10.0
# After so long, people are told whom they wait for.
NOTICE_SECONDS: Final = 2.0
# How long the process may take to load the plugins, on a machine that is busy.
_START_SECONDS: Final = 120.0
_LINE_BYTES: Final = 1 << 24

# The command's own places come first when it is imported from a clone.
_START: Final = """
import json, sys
order = json.load(sys.stdin)
sys.path[:] = order["path"]
from perdure.entry_points import leave_out_damaged
leave_out_damaged()
from perdure.cli.agent_checks.check_process import main
main(order)
"""


async def run_agent_checks(agents: Sequence[str]) -> "list[Check]":
    """Call the checks of agents, one after the other.

    Args:
        agents: The names of agents that have one.

    Returns:
        What they found, each part with the agent's name before it; a check that failed is one that
        found nothing, with what happened as its advice.
    """
    checks: list[Check] = []
    waiting = list(agents)
    while waiting:
        async with _check_process(waiting) as process:
            async for name, found in _answers(process, tuple(waiting)):
                checks += [
                    check.model_copy(update={"part": f"{name}: {check.part}"}) for check in found
                ]
                waiting.remove(name)
    return checks


@asynccontextmanager
async def _check_process(agents: Sequence[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", _START),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
        start_new_session=True,  # with whatever it starts, it is ended as a group
    )
    try:
        assert process.stdin is not None
        with suppress(OSError):  # it has ended already
            process.stdin.write(json.dumps({"path": sys.path, "agents": list(agents)}).encode())
            await process.stdin.drain()
            process.stdin.close()
        yield process
    finally:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _answers(
    process: asyncio.subprocess.Process, agents: Sequence[str]
) -> "AsyncIterator[tuple[str, list[Check]]]":
    """Yield the checks of each agent; after one that hung, or ended the process, no other."""
    from perdure.models import Check

    for name in agents:
        if not await _begins(process):
            if name == agents[0]:
                for each in agents:
                    yield (
                        each,
                        [_failed("its process did not start: see whether perdure agents does")],
                    )
            return
        try:
            answer = await _answer(process, name)
        except TimeoutError:
            reason = f"it took longer than {CHECK_SECONDS:g} s: let its author shorten it"
            yield name, [_failed(reason)]
            return
        if answer is None:
            yield name, [_failed(await _explain_end(process))]
            return
        yield name, [Check.model_validate(check) for check in answer["checks"]]


async def _begins(process: asyncio.subprocess.Process) -> bool:
    """Return whether the process calls its next check, once it has loaded the plugins."""
    try:
        return await _next_message(process, _START_SECONDS) is not None
    except TimeoutError:
        return False


async def _answer(process: asyncio.subprocess.Process, agent: str) -> dict[str, Any] | None:
    """Return what a check came to; nothing when the process has ended.

    Raises:
        TimeoutError: It takes too long.
    """
    with suppress(TimeoutError):
        return await _next_message(process, NOTICE_SECONDS)
    print_message(f"waiting for the check of {agent}, for at most {CHECK_SECONDS:g} s")
    return await _next_message(process, CHECK_SECONDS - NOTICE_SECONDS)


async def _next_message(
    process: asyncio.subprocess.Process, seconds: float
) -> dict[str, Any] | None:
    """Return what the process says next; nothing when it has ended.

    Raises:
        TimeoutError: It says nothing for so long.
    """
    assert process.stdout is not None
    async with asyncio.timeout(seconds):
        line = await process.stdout.readline()
    message: dict[str, Any] | None = json.loads(line) if line else None
    return message


async def _explain_end(process: asyncio.subprocess.Process) -> str:
    status = await process.wait()
    advice = "let its author correct the function check"
    if status < 0:
        with suppress(ValueError):
            return f"it killed its process with {signal.Signals(-status).name}: {advice}"
    return f"it ended its process with status {status}, without an error: {advice}"


def _failed(advice: str) -> "Check":
    from perdure.models import Check

    return Check(part="check", found=False, advice=advice)
