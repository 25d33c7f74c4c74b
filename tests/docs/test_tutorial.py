"""Pages that are followed word for word, in an empty folder, with an empty home.

The tutorial by somebody who has nothing but a Python, how-tos by somebody who has Perdure. Each
file is put where its page says, and each command is typed into one shell. What a page shows
below a command must be told by it, in that order; ``…`` stands for anything.
"""

import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
TUTORIAL: Final = [
    ROOT / "docs" / "tutorial" / f"{name}.md" for name in ("write", "test", "publish")
]
HOW_TOS: Final = [
    page
    for page in sorted((ROOT / "docs" / "how-to").glob("*.md"))
    if "```console" in page.read_text(encoding="utf-8")
]
PATIENCE: Final = 300.0  # seconds for one command, on a machine that has much to do

FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`([\w./-]+)`:\s*\Z")


@dataclass(frozen=True)
class File:
    """What somebody puts into a file."""

    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """What somebody types, and what they are shown."""

    line: str
    shown: tuple[str, ...]

    @property
    def fails(self) -> bool:
        return any(line.startswith("perdure: ") for line in self.shown)


def steps_of(page: Path) -> Iterator[File | Command]:
    """Read a page from top to bottom."""
    text = page.read_text(encoding="utf-8")
    for fence in FENCE.finditer(text):
        language, body = fence.groups()
        if language == "console":
            for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                line, *shown = part.rstrip("\n").split("\n")
                yield Command(line, tuple(shown))
        else:
            named = FILE.search(text[: fence.start()])
            assert named, f"{page.name}: the page does not say where this goes:\n{body}"
            yield File(named[1], body)


class Terminal:
    """A shell that is typed into, command by command."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        script, self._keys = os.pipe()
        self._shell = subprocess.Popen(
            ["bash", f"/dev/fd/{script}"],
            pass_fds=[script],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.folder = folder
        os.close(script)

    def type(self, line: str) -> tuple[str, str]:
        """Return what a command printed, its status, and the folder it left the shell in."""
        mark = f"--{uuid.uuid4().hex}--"
        os.write(self._keys, f'{line}\nprintf "\\n%s %s %s\\n" {mark} "$?" "$PWD"\n'.encode())
        assert self._shell.stdout is not None
        watchdog = threading.Timer(PATIENCE, self._shell.kill)
        watchdog.start()
        told: list[str] = []
        try:
            for raw in self._shell.stdout:
                if raw.startswith(mark.encode()):
                    _, status, folder = raw.decode().split(maxsplit=2)
                    self.folder = Path(folder.strip())
                    return status, "".join(told)
                told.append(raw.decode())
        finally:
            watchdog.cancel()
        raise AssertionError(f"the shell ended in {line}:\n{''.join(told)}")

    def close(self) -> None:
        os.close(self._keys)
        try:
            self._shell.wait(30)
        except subprocess.TimeoutExpired:
            self._shell.kill()
            self._shell.wait()


def follow(pages: list[Path], folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """Do what pages say, one after another; return what each command told."""
    told: dict[str, str] = {}
    shell = Terminal(folder, environment)
    try:
        for page in pages:
            for step in steps_of(page):
                if isinstance(step, File):
                    (shell.folder / step.path).write_text(step.text, encoding="utf-8")
                    continue
                began = time.monotonic()
                status, told[step.line] = shell.type(step.line)
                print(f"{time.monotonic() - began:5.1f} s  $ {step.line}")
                assert (status != "0") == step.fails, f"$ {step.line}\n{told[step.line]}"
                assert_told(step, told[step.line])
    finally:
        shell.close()
    return told


def assert_told(command: Command, told: str) -> None:
    """See that a command told what its page shows, in that order."""
    place = 0
    for line in command.shown:
        words = map(re.escape, re.split(r"\s*…\s*", line.strip()))
        found = re.compile(r"[^\n]*".join(words).replace(r"\ ", r"\s+")).search(told, place)
        assert found, f"$ {command.line}\ndid not tell {line!r} but\n{told}"
        place = found.end()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_tutorial_can_be_followed_word_for_word(
    person: dict[str, str], folder: Path, tmp_path: Path, index: Any
) -> None:
    python = tmp_path / "tools" / "python3"
    # Not this environment's own, which has everything installed.
    python.write_text(f'#!/bin/sh\nexec "{sys._base_executable}" "$@"\n')  # type: ignore[attr-defined]
    python.chmod(0o755)
    told = follow(
        TUTORIAL,
        folder,
        person
        | {
            "PIP_INDEX_URL": f"{index.url}/simple/",
            "TWINE_REPOSITORY_URL": f"{index.url}/legacy/",
            "TWINE_USERNAME": "__token__",
            "TWINE_PASSWORD": "a token",
            "TWINE_NON_INTERACTIVE": "1",
        },
    )
    assert len(re.findall(r"look( \(\d\))? done", told["perdure goals watch week"])) == 5
    assert len(index.of("perdure-weather")) == 2


@pytest.mark.parametrize("page", HOW_TOS, ids=lambda page: page.stem)
def test_a_how_to_can_be_followed_word_for_word(
    page: Path, person: dict[str, str], folder: Path
) -> None:
    path = f"{Path(sys.executable).parent}:{person['PATH']}"
    follow([page], folder, person | {"PATH": path})
