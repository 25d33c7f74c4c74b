"""Plugins: found through entry points, loaded each on its own, refused with a reason."""

import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from perdure.agents.plugins.registry import AgentRegistry, UnknownAgent
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings

GOOD = """
from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl

async def greet(run: Run, goal: Goal) -> Result:
    return Result(summary="hello")

@hookimpl
def register_agents():
    return [AgentSpec(name="greeter", description="Greets.", agent=greet)]
"""


@pytest.fixture(autouse=True)
def _only_test_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = ["research", "code", "analysis", "document", "teams"]
    denied = ",".join(f"perdure-{name}" for name in bundled)
    monkeypatch.setenv("PERDURE_PLUGINS_DENY", denied)


def plugin(registry: AgentRegistry, distribution: str) -> Plugin:
    return next(one for one in registry.plugins if one.distribution == distribution)


def test_a_plugin_brings_its_agent(install_plugin: Callable[..., None]) -> None:
    install_plugin("perdure-greeter", GOOD, version="2.1")
    registry = AgentRegistry.load()
    found = plugin(registry, "perdure-greeter")
    assert (found.status, found.version, found.hooks) == ("loaded", "2.1", ("register_agents",))
    assert registry.agent("greeter").agent_version == "perdure-greeter 2.1"


def test_two_plugins_that_claim_one_name_are_both_disabled(
    install_plugin: Callable[..., None],
) -> None:
    install_plugin("perdure-one", GOOD)
    install_plugin("perdure-two", GOOD)
    registry = AgentRegistry.load()
    for name in ("perdure-one", "perdure-two"):
        reason = plugin(registry, name).reason
        assert "perdure-one" in reason
        assert "perdure-two" in reason
    with pytest.raises(UnknownAgent):
        registry.agent("greeter")


@pytest.mark.parametrize(
    ("allow", "deny", "loaded"),
    [
        ("", "", True),
        ("perdure_greeter", "", True),
        ("other", "", False),
        ("", "Perdure.Greeter", False),
    ],
)
def test_allow_and_deny_lists(
    allow: str, deny: str, loaded: bool, install_plugin: Callable[..., None]
) -> None:
    install_plugin("perdure-greeter", GOOD)
    settings = Settings.model_validate({"plugins_allow": allow, "plugins_deny": deny})
    registry = AgentRegistry.load(settings)
    greeter = plugin(registry, "perdure-greeter")
    assert (greeter.status == "loaded") is loaded
    if not loaded:
        assert greeter.status == "denied"
        assert "PERDURE_PLUGINS" in greeter.reason


def test_an_unknown_agent_names_those_that_exist(install_plugin: Callable[..., None]) -> None:
    install_plugin("perdure-greeter", GOOD)
    with pytest.raises(UnknownAgent, match="choose one of greeter"):
        AgentRegistry.load().agent("grater")


def install_requirement(site: Path, files: dict[str, bytes]) -> None:
    """Install what is left of the distribution ``barometer-of-oslo``."""
    folder = site / "barometer_of_oslo-1.0.dist-info"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


METADATA = b"Metadata-Version: 2.4\nName: barometer-of-oslo\nVersion: 1.0\n"
RECORD = b"barometer/__init__.py,sha256=x,1\nbarometer_of_oslo-1.0.dist-info/RECORD,,\n"


@pytest.mark.parametrize(
    "files",
    [
        {"METADATA": METADATA, "RECORD": RECORD},
        {"METADATA": METADATA, "RECORD": f"barometer{EXTENSION_SUFFIXES[0]},,\n".encode()},
        {"METADATA": METADATA, "top_level.txt": b"thermometer\nbarometer\n"},
        {"RECORD": RECORD},
    ],
    ids=["package", "extension", "declared", "without metadata"],
)
def test_a_requirement_whose_files_are_gone_is_to_be_installed_again(
    files: dict[str, bytes], install_plugin: Callable[..., None], tmp_path: Path
) -> None:
    install_requirement(tmp_path / "site", files)
    install_plugin("perdure-greeter", f"import barometer\n{GOOD}", requires="barometer-of-oslo")
    assert plugin(AgentRegistry.load(), "perdure-greeter").reason == (
        "importing perdure_greeter (perdure_greeter.py, line 1) needs the module barometer, which"
        " is not installed whole: pip install --force-reinstall barometer-of-oslo"
    )


@pytest.mark.parametrize("files", [{}, {"METADATA": METADATA}, {"RECORD": b"\xff\xfe"}])
def test_a_requirement_that_lists_no_such_module_is_not_blamed(
    files: dict[str, bytes], install_plugin: Callable[..., None], tmp_path: Path
) -> None:
    install_requirement(tmp_path / "site", files)
    install_plugin("perdure-greeter", f"import barometer\n{GOOD}", requires="barometer-of-oslo")
    assert "needs the module barometer, which is not installed and perdure-greeter" in (
        plugin(AgentRegistry.load(), "perdure-greeter").reason
    )


USES_METADATA = """
import importlib.metadata, sys
import perdure.agents
from perdure.cli import main
assert "importlib_metadata" not in sys.modules, "imported before plugins are looked for"
from perdure.agents.plugins.distributions.discovery import find_candidates
from perdure.version import core_version
find_candidates()
assert "importlib_metadata" in sys.modules
assert importlib.metadata.version("perdure") == core_version()
(command,) = importlib.metadata.entry_points(group="console_scripts", name="perdure")
assert command.load() is main
assert importlib.metadata.distribution("pydantic").requires
assert "pluggy" in importlib.metadata.packages_distributions()["pluggy"]
try:
    importlib.metadata.version("barometer-of-oslo")
except importlib.metadata.PackageNotFoundError:
    print("fine")
"""


def test_others_use_the_standard_librarys_metadata_as_before() -> None:
    """Looking for plugins imports importlib_metadata, which changes where that finds them."""
    command = [sys.executable, "-c", USES_METADATA]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (process.stdout, process.stderr) == ("fine\n", "")
