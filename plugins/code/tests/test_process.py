"""Time limits and cancellation: nothing that a test run started may outlive it."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.testing import rehearse
from perdure_code.facts import Outcome
from perdure_code.process import run_program
from perdure_code.pytest_run import run_tests

# Starts a child that would run for ever, tells its process id, and waits.
HANGING = """
import os, pathlib, subprocess, sys, time
def test_hangs():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    told = pathlib.Path({told!r})
    told.with_suffix(".part").write_text(f"{{os.getpid()}} {{child.pid}} {{os.getcwd()}}")
    told.with_suffix(".part").rename(told)
    time.sleep(600)
"""


def hanging_repository(folder: Path) -> tuple[Path, Path]:
    root, told = folder / "repo", folder / "told"
    root.mkdir()
    (root / "test_hangs.py").write_text(HANGING.format(told=str(told)))
    return root, told


def alive(process: int) -> bool:
    """Whether a process runs; one that is dead and only waits to be counted does not."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        if not Path("/proc/self/stat").exists():
            try:
                os.kill(process, 0)
            except ProcessLookupError:
                return False
            return True
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 -- another process makes it hold
            await asyncio.sleep(0.02)


async def all_gone(told: str) -> None:
    own, child, copy = told.split(" ", 2)
    await until(lambda: not alive(int(own)) and not alive(int(child)) and not Path(copy).exists())


def content(file: Path) -> str:
    return file.read_text() if file.exists() else ""


async def test_tests_that_take_too_long_are_stopped_with_all_they_started(tmp_path: Path) -> None:
    root, told = hanging_repository(tmp_path)
    # As long as importing pytest takes on a slow machine, and no longer than that.
    seconds = 3.0
    while not content(told):
        rehearsal = await rehearse("code", "Review", {"path": str(root), "tests_timeout": seconds})
        seconds *= 2
    assert "did not end: they were stopped after" in rehearsal.result.summary
    assert "raise the parameter 'tests_timeout'" in rehearsal.result.summary
    await all_gone(content(told))


async def test_a_cancelled_run_leaves_nothing_behind(tmp_path: Path) -> None:
    root, told = hanging_repository(tmp_path)
    running = asyncio.create_task(run_tests(str(root), 600))
    await until(lambda: bool(content(told)))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await all_gone(content(told))


async def test_cancelling_while_the_copy_is_made_removes_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _ = hanging_repository(tmp_path)
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    running = asyncio.create_task(run_tests(str(root), 600))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not any(place.iterdir())


async def test_an_endless_output_is_cut_at_the_front(tmp_path: Path) -> None:
    ended = await run_program(
        [sys.executable, "-c", "print('x' * 1_000_000); print('the end'); raise SystemExit(3)"],
        folder=tmp_path,
        environment={},
        seconds=60,
    )
    assert ended.status == 3
    assert ended.output.endswith("the end\n")
    assert len(ended.output) <= 65_536


async def test_a_repository_too_large_to_copy_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _ = hanging_repository(tmp_path)
    monkeypatch.setattr("perdure_code.pytest_run.MAX_BYTES", 10)
    assert (await run_tests(str(root), 600)).outcome is Outcome.UNABLE
