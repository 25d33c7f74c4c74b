"""Every example in the README and in docs/ is run here, as it stands there."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import CommandLine

ROOT = Path(__file__).parents[2]
DOCS = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "_static" not in page.parts]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Return the commands of a page's console blocks, without comments."""
    lines = "".join(blocks(text, "console")).splitlines()
    return [line[2:].split("   #")[0].strip() for line in lines if line.startswith("$ ")]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def is_followed(page: Path) -> bool:
    """Say whether a page is followed in a shell, files and commands: see test_tutorial.py."""
    return page.parent.name in {"tutorial", "how-to"} and bool(
        blocks(page.read_text(encoding="utf-8"), "console")
    )


@pytest.mark.parametrize("page", [page for page in PAGES if not is_followed(page)], ids=name_of)
def test_python_examples_run_in_order(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "example"}
    for source in blocks(page.read_text(encoding="utf-8"), "python"):
        exec(compile(source, page.name, "exec", dont_inherit=True), names)
    for name in ("register_agents", "register_observers"):
        if name in names:
            assert names[name]()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_targets_that_are_named_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"(?:^\$ |`|^    )make ([a-z]+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.fixture
def shell(own_home: Path, tmp_path: Path, server_binary: Path) -> Any:
    """Return a function that runs a line as a person in the clone with .venv/bin on PATH would."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PERDURE_HOME": str(own_home)}

    def run(line: str, folder: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            cwd=folder,
            env=environment | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def dev(own_home: Path, server_binary: Path) -> Iterator[dict[str, str]]:
    """Run ``perdure dev`` and return what it said when it was ready."""
    command_line = CommandLine(ROOT, os.environ | {"PERDURE_HOME": str(own_home)})
    try:
        yield command_line.dev().document
    finally:
        command_line.end()


@pytest.mark.bundled
def test_the_readmes_goals_complete(shell: Any, dev: dict[str, str]) -> None:
    lines = [line for line in commands(README) if line.startswith("perdure run")]
    lines = [line for line in lines if "weather" not in line]
    assert [shlex.split(line)[2] for line in lines] == ["analysis", "document", "code", "research"]
    for line in lines:
        done = shell(line)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith("completed")
    listed = json.loads(shell("perdure goals list --json").stdout)["goals"]
    # Research has the document agent read some of its files.
    assert {goal["agent_type"] for goal in listed} == {"analysis", "document", "code", "research"}
    assert {goal["status"] for goal in listed} == {"completed"}


@pytest.mark.bundled
def test_the_readmes_request_is_answered_and_ends_in_an_honest_failure(
    shell: Any, dev: dict[str, str]
) -> None:
    (line,) = [block for block in blocks(README, "sh") if block.startswith("curl")]
    done = shell(line.replace("http://localhost:8000", dev["api_url"]))
    started = json.loads(done.stdout)
    assert started["status"] == "started"
    assert started["workflow_id"].startswith("goal-test-001-")
    watched = shell("perdure goals watch test-001")
    assert watched.returncode == 1
    assert "set" in watched.stdout
    assert "sources" in watched.stdout


def test_the_readmes_first_agent_runs(shell: Any, tmp_path: Path) -> None:
    (tmp_path / "weather.py").write_text(blocks(README, "python")[0])
    (line,) = [line for line in commands(README) if "weather.py" in line]
    done = shell(line, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "rain over Oslo" in done.stdout


def test_the_tools_the_examples_use_are_there() -> None:
    for tool in ("bash", "curl"):
        assert shutil.which(tool), f"install {tool}"
