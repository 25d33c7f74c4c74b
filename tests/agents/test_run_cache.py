"""What goals reuse of each other's work: made once, never wrong, never in the way."""

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from perdure.agents import (
    AgentSpec,
    Goal,
    PermanentError,
    Result,
    Run,
    RunCache,
    StepFailed,
)
from perdure.agents.cache.folder import UNFINISHED, CacheFolder
from perdure.agents.steps.memory import MemoryJournal

MEGABYTE = 1_000_000


@pytest.fixture
def folder(tmp_path: Path) -> CacheFolder:
    return CacheFolder(tmp_path / "run-cache", 10 * MEGABYTE)


def a_run(
    folder: CacheFolder,
    journal: MemoryJournal | None = None,
    *,
    agent_type: str = "reads",
    tenant: str = "t",
) -> Run:
    goal = Goal(goal_id="g", description="read", agent_type=agent_type)
    return Run(goal, journal, cache=RunCache(folder, agent_type, tenant))


class Recogniser:
    """Makes text of a page, and counts how often."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def make(self, page: str) -> bytes:
        self.made.append(page)
        return f"text of {page}".encode()

    async def read(self, run: Run, page: str, *, version: int = 1, name: str = "ocr") -> str:
        async def read(page: str) -> str:
            make = partial(self.make, page)
            return (await run.cache.get_or_make(name, [page], make, version=version)).decode()

        return await run.step("read", read, page)


def kept(folder: CacheFolder) -> list[Path]:
    return sorted(file for file in folder.path.glob("*/*") if file.parent.name != UNFINISHED)


async def test_another_goal_reuses_what_one_has_made(folder: CacheFolder) -> None:
    recogniser = Recogniser()
    for _ in range(2):
        assert await recogniser.read(a_run(folder), "p1") == "text of p1"
    assert await recogniser.read(a_run(folder), "p2") == "text of p2"
    assert recogniser.made == ["p1", "p2"]
    assert list((folder.path / UNFINISHED).iterdir()) == []
    assert {file.stat().st_mode & 0o777 for file in kept(folder)} == {0o400}
    assert folder.path.stat().st_mode & 0o077 == 0


async def test_what_differs_in_anything_is_another_entry(folder: CacheFolder) -> None:
    recogniser = Recogniser()
    await recogniser.read(a_run(folder), "p")
    await recogniser.read(a_run(folder, agent_type="other"), "p")
    await recogniser.read(a_run(folder, tenant="somebody-else"), "p")
    await recogniser.read(a_run(folder), "p", version=2)
    await recogniser.read(a_run(folder), "p", name="index")
    assert recogniser.made == ["p"] * 5
    assert len(kept(folder)) == 5


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b"text of p2"),
        lambda file: file.write_bytes(b""),
        lambda file: file.unlink(),
        lambda file: file.parent.rename(file.parent.with_name("moved")),
        lambda file: (file.unlink(), file.mkdir()),
    ],
)
async def test_what_is_lost_or_damaged_is_made_again(
    folder: CacheFolder, damage: Callable[[Path], object]
) -> None:
    recogniser = Recogniser()
    await recogniser.read(a_run(folder), "p1")
    (file,) = kept(folder)
    file.chmod(0o600)
    damage(file)
    for _ in range(2):
        assert await recogniser.read(a_run(folder), "p1") == "text of p1"
    assert recogniser.made[:2] == ["p1", "p1"]


async def test_a_later_execution_depends_on_the_journal_alone(folder: CacheFolder) -> None:
    journal, recogniser = MemoryJournal(), Recogniser()
    await recogniser.read(a_run(folder, journal), "p")
    for file in kept(folder):
        file.unlink()
    assert await recogniser.read(a_run(folder, journal), "p") == "text of p"
    assert recogniser.made == ["p"]
    with pytest.raises(PermanentError, match="outside of a step"):
        await a_run(folder).cache.get_or_make("ocr", [], lambda: b"", version=1)
    with pytest.raises(PermanentError, match="outside of a step"):
        a_run(folder).cache.get_or_make_blocking("ocr", [], lambda: b"", version=1)


async def test_a_plain_step_uses_it_in_its_thread(folder: CacheFolder) -> None:
    made = []

    def count_words(cache: RunCache, page: str) -> int:
        def make(path: Path) -> None:
            made.append(page)
            path.write_text(f"words of {page}")

        with cache.file_blocking("words", page, make, version=1) as path:
            words = len(path.read_text().split())
        content = cache.get_or_make_blocking("twice", page, lambda: b"%d" % (words * 2), version=1)
        return int(content)

    for _ in range(2):
        run = a_run(folder)
        assert await run.step("count", partial(count_words, run.cache), "p") == 6
    assert made == ["p"]


async def test_a_file_stays_while_it_is_used(folder: CacheFolder) -> None:
    makes = []

    async def index(run: Run) -> str:
        def make(path: Path) -> None:
            makes.append(path)
            path.write_text("an index")

        async with run.cache.file("index", "corpus", make, version=1) as path:
            for file in kept(folder):
                file.unlink()
            await asyncio.sleep(0)
            return path.read_text()

    for _ in range(2):
        run = a_run(folder)
        assert await run.step("index", partial(index, run)) == "an index"
    assert len(makes) == 2
    assert list((folder.path / UNFINISHED).iterdir()) == []


async def test_a_file_is_made_by_an_async_function_too(folder: CacheFolder) -> None:
    makes = []

    async def index(run: Run) -> str:
        async def make(path: Path) -> None:
            makes.append(path)
            await asyncio.to_thread(path.write_text, "an index")

        async with run.cache.file("index", "corpus", make, version=1) as path:
            return path.read_text()

    for _ in range(2):
        run = a_run(folder)
        assert await run.step("index", partial(index, run)) == "an index"
    assert len(makes) == 1
    assert list((folder.path / UNFINISHED).iterdir()) == []


async def test_a_make_that_fails_leaves_nothing(folder: CacheFolder) -> None:
    def make(path: Path) -> None:
        path.write_text("half an in")
        raise ValueError("no such corpus")

    async def index(run: Run) -> None:
        async with run.cache.file("index", "corpus", make, version=1):
            pass

    run = a_run(folder)
    with pytest.raises(StepFailed, match="no such corpus"):
        await run.step("index", partial(index, run))
    assert kept(folder) == []
    assert list((folder.path / UNFINISHED).iterdir()) == []


def test_what_was_not_used_for_longest_is_deleted(folder: CacheFolder) -> None:
    for number in range(9):
        folder.write(f"{number:064d}", bytes(MEGABYTE))
    now = time.time()
    for number, file in enumerate(kept(folder)):
        os.utime(file, (now - 1000 + number, now - 1000 + number))
    assert folder.read(f"{0:064d}") == bytes(MEGABYTE)
    for number in range(9, 12):
        folder.write(f"{number:064d}", bytes(MEGABYTE))
    left = [int(file.name.partition("-")[0]) for file in kept(folder)]
    assert sum(file.stat().st_size for file in kept(folder)) <= 10 * MEGABYTE
    assert 0 in left
    assert 1 not in left
    assert {9, 10, 11} <= set(left)


def test_what_is_larger_than_all_is_not_kept(folder: CacheFolder) -> None:
    folder.write("a" * 64, bytes(11 * MEGABYTE))
    with folder.file("b" * 64, lambda path: path.write_bytes(bytes(11 * MEGABYTE))) as path:
        assert path.stat().st_size == 11 * MEGABYTE
    assert kept(folder) == []


def test_files_of_processes_that_were_killed_are_deleted(folder: CacheFolder) -> None:
    folder.write("a" * 64, b"x")
    forgotten, new = folder.path / UNFINISHED / "forgotten", folder.path / UNFINISHED / "new"
    forgotten.touch()
    new.touch()
    os.utime(forgotten, (1, 1))
    CacheFolder(folder.path, 10 * MEGABYTE).write("b" * 64, b"y")
    assert not forgotten.exists()
    assert new.exists()


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = CacheFolder(tmp_path / "file" / "run-cache", MEGABYTE)
    folder.write("a" * 64, b"x")
    assert folder.read("a" * 64) is None
    with folder.file("b" * 64, lambda path: path.write_text("y")) as path:
        assert path.read_text() == "y"


_WRITER = """
import hashlib, sys
from pathlib import Path
from typing import Any
from perdure.agents.cache.folder import CacheFolder
folder, me = CacheFolder(Path(sys.argv[1]), 4_000_000), sys.argv[2]
for turn in range(40):
    key = hashlib.sha256(str(turn % 5).encode()).hexdigest()
    content = (f"{me} {turn} " * 20_000).encode()
    folder.write(key, content)
    read = folder.read(key)
    assert read is None or len(set(read.split())) == 2, read[:40]
    with folder.file(key, lambda path: path.write_bytes(content)) as path:
        assert len(set(path.read_bytes().split())) == 2
"""


def test_two_processes_write_the_same_at_once(folder: CacheFolder) -> None:
    arguments = [sys.executable, "-c", _WRITER, str(folder.path)]
    writers = [subprocess.Popen([*arguments, name]) for name in ("one", "other")]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    for file in kept(folder):
        assert hashlib.sha256(file.read_bytes()).hexdigest() in file.name


async def test_a_run_without_an_installation_has_one_too() -> None:
    recogniser = Recogniser()
    goal = Goal(goal_id="g", description="read", agent_type="reads-alone")
    for _ in range(2):
        assert await recogniser.read(Run(goal), "p") == "text of p"
    assert recogniser.made == ["p"]


@pytest.mark.asyncio(loop_scope="session")
async def test_goals_of_an_installation_share_its_home(
    install: Callable[..., Awaitable[Any]], own_home: Path
) -> None:
    recogniser = Recogniser()

    async def reads(run: Run, goal: Goal) -> Result:
        return Result(summary=await recogniser.read(run, "p"))

    here = await install(AgentSpec(name="reads", description="", agent=reads))
    for _ in range(2):
        _, record = await here.finish(await here.start("reads"))
        assert record.result.summary == "text of p"
    assert recogniser.made == ["p"]
    assert len(kept(CacheFolder(own_home / "run-cache", MEGABYTE))) == 1
