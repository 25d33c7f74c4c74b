"""Limits: what takes too much is stopped and named, and what runs afterwards is nothing."""

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perdure_code.repository.workspace import Workspace, open_workspace
from perdure_code.sandbox.isolation import Isolation
from perdure_code.sandbox.limits import MEBIBYTE, Limit, Limits

SMALL = Limits(
    seconds=30,
    memory_bytes=256 * MEBIBYTE,
    processes=64,
    disk_bytes=32 * MEBIBYTE,
    output_bytes=MEBIBYTE,
)
# Writes as much as it is told to in pieces, so that no single file is too large.
FILLING = """
import sys
folder, number = sys.argv[1], 0
while True:
    with open(f"{folder}/{number}", "wb") as file:
        file.write(bytes(1 << 20))
    number += 1
"""
UNLINKED = """
import os, sys
files = []
while True:
    files.append(open("x", "wb"))
    os.unlink("x")
    files[-1].write(b"x" * (1 << 20))
    files[-1].flush()
"""
FORKS = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
HOGS = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        taken = b"x" * (64 << 20)
        time.sleep(60)
time.sleep(60)
"""
SHARED = """
import mmap, time
taken = mmap.mmap(-1, 512 << 20)
for place in range(0, len(taken), 4096):
    taken[place] = 1
time.sleep(60)
"""
WORKER = """
import asyncio, sys
from pathlib import Path
from typing import Any
from perdure.agents import Goal, Run
from perdure_code.environments.interpreters import library_variables, worker_mounts
from perdure_code.repository.workspace import open_workspace
from perdure_code.sandbox.sandbox import Sandbox

async def main(root, code, marker):
    run = Run(Goal(goal_id="goal", description="Test this", agent_type="code"))
    async with open_workspace(Path(root)) as workspace:
        mounts = tuple(worker_mounts())
        variables = library_variables(mounts)
        sandbox = Sandbox(run, workspace, mounts=mounts, variables=variables)
        await sandbox.execute([sys.executable, "-I", "-S", "-c", code, marker, "600"])

asyncio.run(main(*sys.argv[1:]))
"""
# One child in a session of its own, and one whose parent has ended: both would run for ever.
DETACHED = """
import os, subprocess, sys, time
sleeping = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)", sys.argv[1]]
subprocess.Popen(sleeping, start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        subprocess.call(sleeping)
    os._exit(0)
print("started", flush=True)
time.sleep(float(sys.argv[2]))
"""


def running(marker: str) -> list[int]:
    """The processes of this machine that have a text among their arguments."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and marker.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def workspaces_in(folder: Path) -> list[Path]:
    return list(folder.glob("perdure-code-work-*"))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 -- another process makes it hold
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("code", "arguments", "limit"),
    [
        ("while True: pass", (), Limit.TIME),
        ("import time; time.sleep(600)", (), Limit.TIME),
        (FORKS, (), Limit.PROCESSES),
        (HOGS, (), Limit.MEMORY),
        (SHARED, (), Limit.MEMORY),
        (FILLING, ("/workspace",), Limit.DISK),
        (FILLING, ("/results",), Limit.DISK),
        (UNLINKED, (), Limit.DISK),
        ("while True: print('x' * 1000)", (), Limit.OUTPUT),
    ],
)
async def test_what_takes_too_much_is_stopped(
    execute: Any, code: str, arguments: tuple[str, ...], limit: Limit
) -> None:
    seconds = 0.5 if limit is Limit.TIME else 30
    limits = SMALL.model_copy(update={"seconds": seconds})
    result = await execute(code, *arguments, limits=limits)
    assert (result.limit, result.status) == (limit, None)
    assert result.timed_out == (limit is Limit.TIME)
    assert result.seconds < 20


async def test_one_allocation_too_large_fails_in_the_program_itself(execute: Any) -> None:
    result = await execute("bytes(1 << 30)")
    assert (result.limit, result.status) == (None, 1)
    assert "MemoryError" in result.output


async def test_one_file_too_large_fails_in_the_program_itself(execute: Any) -> None:
    result = await execute("open('x', 'wb').write(bytes(64 << 20))")
    assert "File too large" in result.output


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
async def test_temporary_folders_are_full_at_their_size(execute: Any, folder: str) -> None:
    result = await execute(FILLING, folder)
    assert (result.limit, result.status) == (None, 1)
    assert "No space left on device" in result.output


async def test_the_beginning_and_the_end_of_a_long_output_are_kept(execute: Any) -> None:
    code = "print('begins'); print('x' * 500_000); print('ends'); raise SystemExit(3)"
    result = await execute(code)
    assert result.status == 3
    assert result.output.startswith("begins\n")
    assert result.output.endswith("ends\n")
    assert "bytes are left out here" in result.output
    assert len(result.output) < 140_000


@pytest.mark.parametrize("isolation", list(Isolation))
@pytest.mark.parametrize("seconds", ["0", "600"])
async def test_what_a_program_has_detached_ends_with_it(
    execute: Any, isolation: Isolation, seconds: str
) -> None:
    marker = f"marker-{uuid.uuid4()}"
    limits = SMALL.model_copy(update={"seconds": 1.0})
    result = await execute(DETACHED, marker, seconds, isolation=isolation, limits=limits)
    assert result.output == "started\n"
    assert result.limit is (Limit.TIME if seconds == "600" else None)
    assert not running(marker)


async def test_a_cancelled_command_leaves_nothing_behind(
    execute: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    marker = f"marker-{uuid.uuid4()}"
    executing = asyncio.create_task(execute(DETACHED, marker, "600"))
    await until(lambda: len(running(marker)) >= 3)
    executing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await executing
    assert not running(marker)
    assert not any(place.iterdir())


async def test_cancelling_while_the_copy_is_made_removes_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, root = tmp_path / "place", tmp_path / "repo"
    place.mkdir()
    root.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))

    async def use() -> None:
        async with open_workspace(root):
            raise AssertionError("it was cancelled before that")

    using = asyncio.create_task(use())
    await asyncio.sleep(0)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert not any(place.iterdir())


async def test_nothing_runs_when_the_worker_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = f"marker-{uuid.uuid4()}"
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    process = subprocess.Popen(  # noqa: ASYNC220 -- it is killed, not waited for
        [sys.executable, str(worker), str(tmp_path), DETACHED, marker],
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    # The worker has the marker among its arguments, too.
    await until(lambda: len(running(marker)) >= 4 or process.poll() is not None)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    await until(lambda: not running(marker))
    # What it left on the disk is removed by the next that makes a workspace.
    left = workspaces_in(tmp_path)
    assert len(left) == 1
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "empty").mkdir()
    async with open_workspace(tmp_path / "empty") as workspace:
        assert workspaces_in(tmp_path) == [workspace.folder]
    assert left != [workspace.folder]


async def test_a_deep_folder_is_removed(execute: Any) -> None:
    code = "import os\nfor _ in range(1500): os.mkdir('d' * 9); os.chdir('d' * 9)"
    kept: list[Workspace] = []
    assert (await execute(code, then=kept.append)).status == 0
    assert not kept[0].folder.exists()


async def test_files_that_a_program_leaves_are_returned(execute: Any) -> None:
    code = "open('/results/a.txt', 'w').write('ünï')"
    result = await execute(code, results=("a.txt", "b.txt"))
    assert (dict(result.files), result.files_missing) == ({"a.txt": "ünï"}, ())


def test_each_limit_is_named_with_what_to_do() -> None:
    said = {limit: SMALL.sentence(limit) for limit in Limit}
    assert all(sentence.startswith("it was stopped, because ") for sentence in said.values())
    assert "more than 256 MiB of memory: raise the parameter 'memory_mb'" in said[Limit.MEMORY]
    assert "more than 64 processes and threads" in said[Limit.PROCESSES]
