"""``perdure plugins new``: a package that works as it is made, and names that none can have."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from perdure.cli.commands.plugins.new import (
    MAX_NAME_LENGTH,
    RESERVED_NAMES,
    TEMPLATE_REQUIREMENT,
    core_version_range,
    make_package,
)

TEMPLATE = Path(__file__).parents[2] / "templates" / "agent"


def test_it_makes_a_package_whose_own_tests_pass(perdure: Any) -> None:
    done = perdure("plugins", "new", "my-agent")
    assert done.returncode == 0, done.stderr
    folder = perdure.folder / "my-agent"
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "my-agent"],
        cwd=perdure.folder,
        env=os.environ | {"PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
    commands = [line for line in done.stdout.splitlines() if line.startswith("  ")]
    assert [line.split()[0] for line in commands] == ["pip", "pytest", "perdure"]


def test_the_package_says_what_it_is_and_what_it_fits(perdure: Any) -> None:
    told = perdure.json("plugins", "new", "rain-watch", "--directory", "made/here")
    folder = Path(told["folder"])
    assert folder == perdure.folder / "made" / "here" / "rain-watch"
    assert set(told["files"]) == {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    }
    assert {
        ".gitignore",
        ".github/workflows/ci.yml",
        ".github/workflows/release.yml",
        "LICENSE",
        "README.md",
    } < set(told["files"])
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == told["distribution"] == "perdure-rain-watch"
    assert project["keywords"] == ["perdure-plugin"]
    assert project["entry-points"]["perdure"] == {"rain-watch": "perdure_rain_watch.plugin"}
    assert (folder / "src" / "perdure_rain_watch" / "py.typed").exists()
    for path in folder.rglob("*"):
        assert "my-agent" not in path.name
        assert "my_agent" not in path.name
        if path.is_file():
            text = path.read_text()
            assert "my-agent" not in text, path
            assert "my_agent" not in text, path


@pytest.mark.parametrize(
    ("core", "bounds"),
    [("0.1.0", ">=0.1,<0.2"), ("0.7.3", ">=0.7,<0.8"), ("2.4.1", ">=2.4,<3"), ("0.2.0rc1", "")],
)
def test_its_bounds_are_those_of_the_core_that_made_it(
    core: str, bounds: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("perdure.version.core_version", lambda: core)
    if bounds:
        assert core_version_range() == bounds
    make_package("rain", tmp_path / "rain")
    project = tomllib.loads((tmp_path / "rain" / "pyproject.toml").read_text())["project"]
    (requirement,) = [
        one for one in map(Requirement, project["dependencies"]) if one.name == "perdure"
    ]
    assert requirement.specifier.contains(core)
    assert not requirement.specifier.contains("3.0")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("My_Agent", "perdure plugins new my-agent"),
        ("MyAgent", "perdure plugins new my-agent"),
        ("9 lives", "perdure plugins new lives"),
        ("!", "perdure plugins new my-agent"),
        ("perdure-rain", "perdure plugins new rain"),
        ("r" * (MAX_NAME_LENGTH + 1), f"at most {MAX_NAME_LENGTH} characters"),
        ("import", "'my-import'"),
        ("agent", "'my-agent'"),
        ("echo", "installed already, by perdure-echo"),
    ],
)
def test_a_name_that_none_can_have_is_refused_in_one_sentence(
    perdure: Any, name: str, told: str
) -> None:
    done = perdure("plugins", "new", name)
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(perdure.folder.iterdir())


def test_nothing_is_overwritten(perdure: Any) -> None:
    (perdure.folder / "rain").mkdir()
    assert perdure("plugins", "new", "rain").returncode == 0
    (perdure.folder / "rain" / "README.md").write_text("mine")
    done = perdure("plugins", "new", "rain")
    assert done.returncode == 1
    assert "exists and is not empty" in done.stderr
    assert (perdure.folder / "rain" / "README.md").read_text() == "mine"
    (perdure.folder / "snow").write_text("a file")
    done = perdure("plugins", "new", "snow")
    assert done.returncode == 1
    assert "--directory" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_command_knows_its_template() -> None:
    assert f'"{TEMPLATE_REQUIREMENT}"' in (TEMPLATE / "pyproject.toml").read_text()
    # What the agent's function must not be called, or it would stand for something else there.
    taken = set()
    for path in TEMPLATE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                taken |= {name.asname or name.name for name in node.names}
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                taken.add(node.name)
    names = {name for name in taken if name.islower() and not name.startswith("test_")}
    assert names - {"my_agent"} == RESERVED_NAMES
