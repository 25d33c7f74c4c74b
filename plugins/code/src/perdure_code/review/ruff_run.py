"""Running ruff over a copy of a repository, with the repository's own rules where it has any."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

from perdure.agents import PermanentError

_SECONDS: Final = 600
_SELECT: Final = "ASYNC,B,BLE,C4,DTZ,E4,E7,E9,F,PERF,PLE,PLW,RUF006,RUF100,S,SIM,UP"
# Each of these is a matter of taste more often than a mistake.
_IGNORE: Final = "PLW1641,PLW2901,PLW0603,S101,S311,S404,S603,S607,SIM105,SIM108,SIM117,SIM300"
_TEST_FILES: Final = ("**/test/**", "**/tests/**", "**/test_*.py", "**/*_test.py", "**/conftest.py")
_IGNORE_IN_TESTS: Final = ("S", "PLW", "B018")
_KNOWN_PYTHONS: Final = range(7, 15)

OWN_RULES: Final = "the repository's own"
OUR_RULES: Final = "this agent's selection"


class Ruff:
    """Ruff, set up for one copy of a repository.

    Attributes:
        rules_from: :data:`OWN_RULES` or :data:`OUR_RULES`.
        note: Why the repository's own settings were not used, where it has some.
    """

    def __init__(self, copy: Path) -> None:
        """Choose the rules for a copy; nested settings count where the top folder has some."""
        self._copy = copy
        self._our_rules: list[str] = []
        self.note = ""
        self.rules_from = OWN_RULES if _has_settings(copy) else OUR_RULES

    def check(self, *arguments: str) -> str:
        """Run ``ruff check`` with further arguments over the whole copy, and return its output.

        Settings of the repository that ruff refuses are set aside, and :attr:`note` says so.

        Raises:
            PermanentError: Ruff is missing or does not work.
        """
        if self.rules_from == OWN_RULES:
            done = self._run(*arguments)
            if done.returncode == 0:
                return done.stdout
            self.rules_from = OUR_RULES
            self.note = f"the repository's settings for ruff were set aside: {self._cause(done)}"
        if not self._our_rules:
            version = _oldest_declared(self._copy) or self._newest_used()
            target = ["--target-version", f"py3{version}"] if version else []
            self._our_rules = [*_our_rules(), *target]
        done = self._run(*self._our_rules, *arguments)
        if done.returncode != 0:
            raise PermanentError(
                f"ruff could not look at the repository ({self._cause(done)}): see that `ruff"
                " --version` works in the worker's environment, or pip install --upgrade ruff"
            )
        return done.stdout

    def _newest_used(self) -> int:
        """Return the minor version of Python that the newest syntax needs; 0 for the usual.

        A repository that declares none may be for any: ruff would take new syntax for an error.
        """
        done = self._run("--isolated", "--select", "E902", "--output-format", "concise")
        versions = re.findall(r"syntax was added in Python 3\.(\d+)", done.stdout)
        return max([int(version) for version in versions if int(version) in _KNOWN_PYTHONS] or [0])

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # -P keeps a ruff.py of the repository from being run in place of ruff.
        command = [sys.executable, "-P", "-m", "ruff", "check", "--no-cache", "--exit-zero"]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("RUFF_")
        }
        return subprocess.run(
            [*command, "--quiet", "--no-unsafe-fixes", *arguments, "."],
            cwd=self._copy,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )

    def _cause(self, done: subprocess.CompletedProcess[str]) -> str:
        said = re.sub(r"\x1b\[[0-9;]*m", "", done.stderr).replace(f"{self._copy}/", "")
        lines = [
            re.sub(r"^(ruff failed|Cause:|error:)", "", line.strip()).strip()
            for line in said.splitlines()
        ]
        return next((line for line in reversed(lines) if line), f"exit status {done.returncode}")


def _has_settings(copy: Path) -> bool:
    if (copy / "ruff.toml").exists() or (copy / ".ruff.toml").exists():
        return True
    tool = _project(copy).get("tool")
    return isinstance(tool, dict) and "ruff" in tool


def _our_rules() -> list[str]:
    arguments = ["--isolated", "--select", _SELECT, "--ignore", _IGNORE]
    ignored = [f"{pattern}:{rule}" for pattern in _TEST_FILES for rule in _IGNORE_IN_TESTS]
    return [*arguments, "--per-file-ignores", ",".join(ignored)]


def _oldest_declared(copy: Path) -> int:
    """Return the minor version of the oldest Python that the project supports; 0 if unknown."""
    project = _project(copy).get("project")
    requires = project.get("requires-python") if isinstance(project, dict) else None
    oldest = re.search(r">=\s*3\.(\d+)", requires) if isinstance(requires, str) else None
    return int(oldest[1]) if oldest and int(oldest[1]) in _KNOWN_PYTHONS else 0


def _project(copy: Path) -> dict[str, object]:
    try:
        return tomllib.loads((copy / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
