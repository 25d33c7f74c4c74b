"""An author's way, outside the repository and from wheels alone: make, test, run, upgrade, remove.

Agents come and go here under a server that runs; nothing else may notice.
"""

import json
import os
import shutil
import signal
import subprocess
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support.processes import read_document
from tests.support.until import until

LONGEST_SECONDS = 30
# What makes the template's agent stay at work for as long as a file is there: old text and new.
WAITING = {
    "from collections": "import asyncio\nfrom pathlib import Path\nfrom collections",
    "    if not counts:": """    while Path(f"{parameters.text}.wait").exists():
        await asyncio.sleep(0.02)
    if not counts:""",
}
# The same for its next version, which takes one parameter more.
UPGRADED = {
    "    text: str": "    loud: bool = Field(False, description='To shout.')\n    text: str",
    "words = list(counts)": "words = [w.upper() if parameters.loud else w for w in counts]",
}


@dataclass
class Author:
    """Somebody with a virtual environment, a folder, and nothing of the repository."""

    environment: Path
    folder: Path
    variables: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(
        self, command: str, *arguments: str | Path, log: IO[str] | None = None
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [self.environment / "bin" / command, *arguments],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log or subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def __call__(self, command: str, *arguments: str | Path, status: int = 0) -> str:
        """Run a command to its end; return what it said, or what was wrong where it had to fail."""
        process = self.start(command, *arguments)
        out, err = process.communicate(timeout=240)
        assert process.returncode == status, f"{command} {arguments}\n{out}\n{err}"
        return out if status == 0 else err

    def pip(self, *arguments: str | Path) -> None:
        self("python", "-m", "pip", "--quiet", *arguments)

    def json(self, *arguments: str | Path) -> Any:
        return json.loads(self("perdure", *arguments, "--json"))

    def wheel(self, project: Path) -> Path:
        """Build a project's wheel."""
        into = self.folder / "wheels"
        self.pip("wheel", "--no-deps", "--wheel-dir", into, project)
        return max(into.glob("*.whl"), key=lambda path: path.stat().st_mtime_ns)

    def plugins(self) -> dict[str, str]:
        """Return the version of each plugin that is loaded."""
        listed = self.json("plugins")["plugins"]
        assert [one["reason"] for one in listed] == ["" for _ in listed]
        return {one["distribution"]: one["version"] for one in listed}

    def agents(self) -> list[str]:
        return [agent["name"] for agent in self.json("agents")["agents"]]

    def dev(self) -> subprocess.Popen[str]:
        """Start the server, and return when it is ready."""
        with (self.folder / "dev.log").open("a") as log:
            process = self.start(
                *("perdure", "dev", "--json", "--port", "0", "--temporal-port", "0"), log=log
            )
        try:
            read_document(process)
        except AssertionError:
            raise AssertionError((self.folder / "dev.log").read_text()) from None
        return process

    def hand_in(self, agent: str, *arguments: str) -> str:
        return self("perdure", "run", agent, "x", "--detach", *arguments).strip()

    def begin(self, agent: str, gate: str) -> str:
        """Start a goal that stays at work until its gate is opened; return when it is at work."""
        (self.folder / f"{gate}.wait").touch()
        goal = self.hand_in(agent, "-p", f"text={self.folder / gate}")
        until(
            lambda: self.json("goals", "show", goal)["progress"] is not None,
            "the agent's start",
        )
        return goal

    def finish(self, goal: str, gate: str) -> str:
        """Open a goal's gate, and return the summary of its result."""
        (self.folder / f"{gate}.wait").unlink()
        told: list[Any] = []

        def has_ended() -> bool:
            told.append(self.json("goals", "show", goal))
            return told[-1]["status"] not in {"running", "waiting"}

        until(has_ended, "the goal's end")
        assert told[-1]["status"] == "completed", told[-1]
        return str(told[-1]["result"]["summary"])

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


@pytest.fixture(scope="module")
def environment(distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a virtual environment with the core's wheel and one bundled plugin's."""
    folder = tmp_path_factory.mktemp("authoring") / "environment"
    venv.create(folder, with_pip=True)
    wheels = [*distributions.glob("perdure-*.whl"), *distributions.glob("perdure_code-*.whl")]
    pip = [str(folder / "bin" / "python"), "-m", "pip"]
    subprocess.run([*pip, "install", "--quiet", *map(str, wheels)], check=True)
    return folder


@pytest.fixture
def author(environment: Path, tmp_path: Path, server_binary: Path) -> Iterator[Author]:
    """Return an author in an empty folder; packages that they install are removed at the end."""
    folder = tmp_path / "author"
    folder.mkdir()
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PERDURE_", "PYTEST", "PYTHON", "TEMPORAL_", "VIRTUAL_ENV"))
    }
    path = [environment / "bin", server_binary.parent, variables["PATH"]]
    variables["PATH"] = os.pathsep.join(map(str, path))
    variables["PERDURE_HOME"] = str(tmp_path / "home")
    someone = Author(environment, folder, variables)
    try:
        yield someone
    finally:
        someone.end()
        someone.pip("uninstall", "--yes", "perdure-my-agent", "perdure-keeper")


def make(author: Author, name: str) -> Path:
    """Make a package whose agent stays at work as long as it is told to."""
    author("perdure", "plugins", "new", name)
    project = author.folder / name
    change(project, WAITING)
    return project


def upgrade(project: Path) -> None:
    """Give a package one parameter more, and the version 0.2.0."""
    description = project / "pyproject.toml"
    description.write_text(description.read_text().replace('"0.1.0"', '"0.2.0"'))
    change(project, UPGRADED)


def change(project: Path, words: dict[str, str]) -> None:
    """Put other words into the source of a package's agent."""
    (source,) = project.glob("src/*/agent.py")
    text = source.read_text()
    for old, new in words.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    source.write_text(text)


def test_a_package_as_it_is_made_keeps_every_promise(author: Author) -> None:
    author("perdure", "plugins", "new", "my-agent")
    project = author.folder / "my-agent"
    author.pip("install", f"{author.wheel(project)}[test,lint]")
    # Only its tests are here, so that what they import is what was installed.
    shutil.copytree(project / "tests", author.folder / "tests")
    shutil.copy(project / "pyproject.toml", author.folder)
    started = time.monotonic()
    author("pytest", "tests")
    assert time.monotonic() - started < LONGEST_SECONDS
    author("perdure", "plugins", "check", "my-agent")
    for tool in (["ruff", "check", "my-agent"], ["ruff", "format", "--check", "my-agent"]):
        author(*tool)
    author("mypy", "--config-file", "my-agent/pyproject.toml", "my-agent/src", "my-agent/tests")
    done = author.json("run", "my-agent", "Which words?", "-p", "text=to be or not to be")
    assert done["result"]["summary"] == "Used most: to, be, or"
    assert "--param" in author("perdure", "run", "my-agent", "--help")
    assert "How many of its words to name." in author("perdure", "run", "my-agent", "--help")


def test_it_is_installed_from_its_folder_as_the_command_says(author: Author) -> None:
    told = author.json("plugins", "new", "my-agent")
    for line in told["next"]:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=author.folder,
            env=author.variables,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert "Used most: to, be, or" in done.stdout


def test_it_is_upgraded_and_removed_while_goals_run(author: Author) -> None:
    project, keeper = make(author, "my-agent"), make(author, "keeper")
    author.pip("install", author.wheel(project), author.wheel(keeper))
    dev = author.dev()
    one, two = author.begin("my-agent", "one"), author.begin("my-agent", "two")
    other = author.begin("keeper", "other")

    upgrade(project)
    author.pip("install", author.wheel(project))
    assert author.plugins()["perdure-my-agent"] == "0.2.0"
    parameters = author.json("agents", "my-agent")["agents"][0]["parameters"]
    assert [parameter["name"] for parameter in parameters] == ["loud", "text", "top"]
    # What began with the old version ends with it, though its files are others now.
    assert author.finish(one, "one").startswith("Used most: ")

    # A restart is what brings the new version; what was under way goes on with it.
    dev.send_signal(signal.SIGTERM)
    dev.communicate(timeout=60)
    assert dev.returncode == 0
    author.dev()
    assert (
        author.json("run", "my-agent", "x", "-p", "text=new", "-p", "loud=true")["result"][
            "summary"
        ]
        == "Used most: NEW"
    )
    assert author.finish(two, "two").startswith("Used most: ")
    three = author.begin("my-agent", "three")

    author.pip("uninstall", "--yes", "perdure-my-agent")
    assert set(author.plugins()) == {"perdure-code", "perdure-keeper"}
    assert author.agents() == ["code", "keeper"]
    refused = author("perdure", "run", "my-agent", "x", "-p", "text=x", status=1)
    assert "pip install perdure-my-agent" in refused
    assert refused.count("\n") == 1
    assert author.finish(three, "three").startswith("Used most: ")
    assert author.finish(other, "other").startswith("Used most: ")


def test_a_bundled_plugin_is_removed_and_installed_again_while_others_run(
    author: Author, distributions: Path
) -> None:
    author.pip("install", author.wheel(make(author, "keeper")))
    author.dev()
    (author.folder / "package").mkdir()
    (author.folder / "package" / "module.py").write_text("x = 1\n")
    review = ["run", "code", "Review this package", "-p", "path=package"]
    assert author.json(*review)["status"] == "completed"
    goal = author.begin("keeper", "gate")

    author.pip("uninstall", "--yes", "perdure-code")
    try:
        assert set(author.plugins()) == {"perdure-keeper"}
        refused = author("perdure", *review, status=1)
        assert "pip install perdure-code" in refused
        assert refused.count("\n") == 1
    finally:
        author.pip("install", "--no-deps", *distributions.glob("perdure_code-*.whl"))
    assert set(author.plugins()) == {"perdure-code", "perdure-keeper"}
    assert author.json(*review)["status"] == "completed"
    assert author.finish(goal, "gate").startswith("Used most: ")
