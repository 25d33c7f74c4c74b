"""Every example in the README and in docs/ is run here, as it stands there."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.main import holdfast as command_line

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Return the commands of a page's console blocks, without comments."""
    lines = "".join(blocks(text, "console")).splitlines()
    return [line[2:].split("   #")[0].strip() for line in lines if line.startswith("$ ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_examples_run_in_order(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": "example"}
    for source in blocks(page.read_text(encoding="utf-8"), "python"):
        exec(compile(source, page.name, "exec", dont_inherit=True), names)
    for name in ("register_agents", "register_observers"):
        if name in names:
            assert names[name]()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"(?:^\$ |`)holdfast ([a-z]+)", text, re.MULTILINE):
        assert name in command_line.commands, name
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^\$ |`|^    )make ([a-z]+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_setting_is_in_the_table() -> None:
    from holdfast.settings import Settings

    page = (ROOT / "docs" / "running-it.md").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert f"`HOLDFAST_{name.upper()}`" in page


@pytest.fixture
def shell(own_home: Path, tmp_path: Path, server_binary: Path) -> Any:
    """Return a function that runs a line as a person in the clone with .venv/bin on PATH would."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "HOLDFAST_HOME": str(own_home)}

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
    """Run ``holdfast dev`` and return what it said when it was ready."""
    from holdfast.temporal.running import read_running

    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast.cli", "dev", "--port", "0", "--temporal-port", "0"],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"HOLDFAST_HOME": str(own_home)},
    )
    try:
        deadline = time.monotonic() + 30
        while (running := read_running(own_home)) is None:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield running.model_dump()
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.bundled
def test_the_readmes_goals_complete(shell: Any, dev: dict[str, str]) -> None:
    lines = [line for line in commands(README) if line.startswith("holdfast run")]
    lines = [line for line in lines if "weather" not in line]
    assert [shlex.split(line)[2] for line in lines] == ["analysis", "document", "code", "research"]
    for line in lines:
        done = shell(line)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith("completed")
    assert shell("holdfast goals list").stdout.count("completed") == 4


@pytest.mark.bundled
def test_the_readmes_request_is_answered_and_ends_in_an_honest_failure(
    shell: Any, dev: dict[str, str]
) -> None:
    (line,) = [block for block in blocks(README, "sh") if block.startswith("curl")]
    done = shell(line.replace("http://localhost:8000", dev["api_url"]))
    started = json.loads(done.stdout)
    assert started["status"] == "started"
    assert started["workflow_id"].startswith("goal-test-001-")
    watched = shell("holdfast goals watch test-001")
    assert watched.returncode == 1
    assert "set" in watched.stdout
    assert "sources" in watched.stdout


def test_the_readmes_first_plugin_installs_and_runs(shell: Any, tmp_path: Path) -> None:
    folder = tmp_path / "weather"
    folder.mkdir()
    (folder / "weather.py").write_text(blocks(README, "python")[0])
    (folder / "pyproject.toml").write_text(blocks(README, "toml")[0])
    assert tomllib.loads(blocks(README, "toml")[0])["project"]["name"] == "holdfast-weather"
    install, run = [line for line in commands(README) if "pip install" in line or "Oslo" in line]
    site = tmp_path / "site"
    installed = shell(
        install.replace("pip install", f"python -m pip install --no-deps -t {site}"), folder
    )
    assert installed.returncode == 0, installed.stderr
    done = shell(run, folder, PYTHONPATH=str(site))
    assert done.returncode == 0, done.stderr
    assert "rain over Oslo" in done.stdout


def test_the_tools_the_examples_use_are_there() -> None:
    for tool in ("bash", "curl"):
        assert shutil.which(tool), f"install {tool}"
