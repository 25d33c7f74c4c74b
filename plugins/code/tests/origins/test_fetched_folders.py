"""Folders of fetched repositories: removed when nobody uses them, however their users ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perdure.agents import PermanentError
from perdure.testing import rehearse
from perdure_code.repository.fetched_folders import (
    FetchedFolder,
    fetched_path,
    remove_abandoned_folders,
)

DIGEST = "0123456789abcdef"
# Uses a folder until it is killed.
USING = """
import signal, sys
from pathlib import Path
from perdure_code.repository.fetched_folders import FetchedFolder
folder = FetchedFolder(Path(sys.argv[1]))
(folder.path / "shop").mkdir()
(folder.path / "shop" / "shop.py").write_text("x = 1")
print("ready", flush=True)
signal.pause()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@contextmanager
def used_by_another_process(folder: Path) -> Iterator[None]:
    """Have a process use a folder, and be killed at the end of the block."""
    command = [sys.executable, "-c", USING, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            process.send_signal(signal.SIGKILL)


def make_old(folder: Path) -> None:
    long_ago = time.time() - 3700
    for path in (folder, *folder.iterdir()):
        os.utime(path, (long_ago, long_ago))


def test_what_a_killed_process_left_is_removed_after_an_hour(place: Path) -> None:
    folder = fetched_path(DIGEST)
    assert folder.parent == place
    with used_by_another_process(folder):
        make_old(folder)
        remove_abandoned_folders()
        assert (folder / "shop" / "shop.py").exists()
    remove_abandoned_folders()
    assert list(place.iterdir()) == []


def test_a_goal_that_goes_on_finds_what_it_had_fetched(place: Path) -> None:
    folder = fetched_path(DIGEST)
    with used_by_another_process(folder):
        make_old(folder)
    again = FetchedFolder(folder)  # which is a use of it, from now on
    assert (again.path / "shop").is_dir()
    os.close(again._lock or 0)  # as when it is killed
    remove_abandoned_folders()
    assert (folder / "shop").is_dir()
    FetchedFolder(folder).close()
    assert list(place.iterdir()) == []


def test_what_another_execution_uses_stays() -> None:
    first, second = FetchedFolder(fetched_path(DIGEST)), FetchedFolder(fetched_path(DIGEST))
    first.close()
    assert second.path.is_dir()
    second.close()
    assert not second.path.exists()


def test_a_folder_that_was_never_locked_is_removed_too(place: Path) -> None:
    folder = fetched_path(DIGEST)
    folder.mkdir()
    remove_abandoned_folders()
    assert folder.is_dir()
    make_old(folder)
    remove_abandoned_folders()
    assert list(place.iterdir()) == []


def test_what_is_not_ours_stays(place: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    fetched_path(DIGEST).symlink_to(tmp_path / "mine")
    others = [place / name for name in ("perdure-code-notes", "perdure-code-0123456789abcdef0")]
    for other in others:
        other.mkdir()
        make_old(other)
    make_old(tmp_path / "mine")
    remove_abandoned_folders()
    assert all(other.is_dir() for other in (*others, tmp_path / "mine"))
    with pytest.raises(PermanentError, match="is another user's"):
        FetchedFolder(fetched_path(DIGEST))


async def test_the_next_goal_of_whatever_kind_removes_what_was_left(
    place: Path, tmp_path: Path
) -> None:
    folder = fetched_path(DIGEST)
    with used_by_another_process(folder):
        make_old(folder)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "shop.py").write_text("x = 1\n")
    await rehearse("code", "What is x?", {"path": str(tmp_path / "shop"), "task": "explain"})
    assert not folder.exists()
