"""Distributions that are installed in a strange way: twice, in part, damaged, or over another."""

import base64
import hashlib
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perdure.agents.plugins.registry import AgentRegistry
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings

SOURCE = """
from perdure.agents import Goal, Result, Run, agent, hookimpl

@agent
async def {name}(run: Run, goal: Goal) -> Result:
    "Works, version {version}."

@hookimpl
def register_agents():
    return [{name}]
"""


@pytest.fixture(autouse=True)
def _only_test_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    bundled = ["research", "code", "analysis", "document", "teams"]
    monkeypatch.setenv("PERDURE_PLUGINS_DENY", ",".join(f"perdure-{name}" for name in bundled))
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if name.startswith(("acme", "other", "mine")):
            del sys.modules[name]


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return two folders of ``sys.path``, the earlier first."""
    first, second = tmp_path / "first", tmp_path / "second"
    for site in (second, first):
        site.mkdir()
        monkeypatch.syspath_prepend(str(site))
    return first, second


def add_code(site: Path, module: str, version: str = "1.0", name: str = "") -> None:
    (site / f"{module}.py").write_text(SOURCE.format(name=name or module, version=version))


def add_metadata(
    site: Path, name: str, version: str, module: str, *, record: bool = False, whole: bool = True
) -> Path:
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    if whole:
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n"
            "Requires-Dist: perdure>=0.1\n"
        )
    (folder / "entry_points.txt").write_text(f"[perdure]\nit = {module}\n")
    if record:
        digest = hashlib.sha256((site / f"{module}.py").read_bytes()).digest()
        text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        (folder / "RECORD").write_text(f"{module}.py,sha256={text},1\n")
    importlib.invalidate_caches()
    return folder


def load(**settings: object) -> dict[str, Plugin]:
    registry = AgentRegistry.load(Settings.model_validate(settings))
    return {plugin.distribution: plugin for plugin in registry.plugins}


def test_of_two_copies_on_the_path_the_one_that_is_imported_is_shown(
    sites: tuple[Path, Path],
) -> None:
    first, second = sites
    old = add_metadata(first, "acme-agents", "0.1", "acme")
    add_code(second, "acme", "0.2")
    new = add_metadata(second, "acme-agents", "0.2", "acme")
    plugin = load()["acme-agents"]
    assert (plugin.status, plugin.version, plugin.agents) == ("loaded", "0.2", ("acme",))
    (warning,) = plugin.warnings
    assert warning == (
        f"it is installed 2 times, acme-agents 0.1 ({old}) and acme-agents 0.2 ({new}), and"
        " acme-agents 0.2 is used: uninstall the other"
    )


def test_of_two_copies_with_code_the_first_is_imported(sites: tuple[Path, Path]) -> None:
    for site, version in zip(sites, ("0.3", "0.4"), strict=True):
        add_code(site, "acme", version)
        add_metadata(site, "acme-agents", version, "acme")
    plugin = load()["acme-agents"]
    assert (plugin.status, plugin.version, len(plugin.warnings)) == ("loaded", "0.3", 1)


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("record", [True, False])
def test_of_two_copies_in_one_folder_the_one_whose_code_is_there_is_shown(
    record: bool, newest_first: bool, sites: tuple[Path, Path]
) -> None:
    site = sites[0]
    runs = "0.9" if record else "0.10"  # after a downgrade, which only a record can show
    other = "0.10" if record else "0.9"
    for version in (other, runs) if newest_first else (runs, other):
        add_code(site, "acme", version)
        add_metadata(site, "acme-agents", version, "acme", record=record)
    add_code(site, "acme", runs)
    plugin = load()["acme-agents"]
    assert (plugin.version, len(plugin.warnings)) == (runs, 1)
    assert f"acme-agents {runs} is used" in plugin.warnings[0]


def test_a_clone_that_is_installed_editable_is_no_second_copy(sites: tuple[Path, Path]) -> None:
    clone, site = sites
    add_code(clone, "acme")
    add_metadata(clone, "acme-agents", "1.0", "acme")
    add_metadata(site, "acme-agents", "1.0", "acme")
    plugin = load()["acme-agents"]
    assert (plugin.status, plugin.warnings) == ("loaded", ())


@pytest.mark.parametrize("left_over", ["acme_agents-0.1.dist-info", "~cme_agents-0.1.dist-info"])
def test_what_an_upgrade_left_over_hides_no_healthy_plugin(
    left_over: str, sites: tuple[Path, Path]
) -> None:
    site = sites[0]
    add_code(site, "acme", "0.2")
    old = add_metadata(site, "acme-agents", "0.1", "acme", whole=left_over.startswith("~"))
    old = old.rename(site / left_over)
    add_metadata(site, "acme-agents", "0.2", "acme")
    plugin = load()["acme-agents"]
    assert (plugin.status, plugin.version) == ("loaded", "0.2")
    assert plugin.warnings == (
        f"{old} is left over from another installation of it: delete that folder",
    )


def test_what_is_left_over_alone_is_named(sites: tuple[Path, Path]) -> None:
    old = add_metadata(sites[0], "acme-agents", "0.1", "acme")
    old = old.rename(sites[0] / "~cme_agents-0.1.dist-info")
    assert load()["acme-agents"].reason == (
        f"it is what an interrupted uninstall left: delete the folder {old}"
    )


def test_two_spellings_of_one_name_are_both_named(sites: tuple[Path, Path]) -> None:
    first, second = sites
    add_code(first, "acme")
    add_code(second, "other")
    one = add_metadata(first, "Acme.Agents", "1.0", "acme")
    two = add_metadata(second, "acme_agents", "1.0", "other")
    plugin = load()["acme-agents"]
    assert (plugin.status, plugin.agents) == ("loaded", ("acme",))
    (warning,) = plugin.warnings
    assert warning == (
        f"it is installed 2 times, Acme.Agents 1.0 ({one}) and acme_agents 1.0 ({two}), and"
        " Acme.Agents 1.0 is used: uninstall the other"
    )


def test_a_module_that_another_plugin_has_is_not_loaded_twice(sites: tuple[Path, Path]) -> None:
    for site, name in zip(sites, ("m-one", "m-two"), strict=True):
        add_code(site, "acme", name=name.replace("-", ""))
        add_metadata(site, name, "1.0", "acme")
    plugins = load()
    assert (plugins["m-one"].status, plugins["m-one"].agents) == ("loaded", ("mone",))
    assert plugins["m-two"].reason == (
        f"its entry point names the module acme, and {sites[0] / 'acme.py'} is imported, which is"
        " that of m-one: uninstall one of the two, or give the module another name"
    )


def test_one_module_that_two_plugins_name_is_loaded_for_none(sites: tuple[Path, Path]) -> None:
    site = sites[0]
    add_code(site, "acme")
    for name in ("m-one", "m-two"):
        add_metadata(site, name, "1.0", "acme")
    for name, other in (("m-one", "m-two"), ("m-two", "m-one")):
        assert load()[name].reason == (
            f"its entry point names the module acme, and so does that of {other}, while there is"
            f" one {site / 'acme.py'}: uninstall one, or name one in PERDURE_PLUGINS_DENY"
        )
    assert load(plugins_deny="m-two")["m-one"].agents == ("acme",)


def test_a_file_that_comes_before_a_plugins_module_is_named(sites: tuple[Path, Path]) -> None:
    first, second = sites
    (first / "acme.py").write_text("x = 1\n")
    add_code(second, "acme")
    add_metadata(second, "acme-agents", "1.0", "acme")
    shadow = (
        f"its module acme is imported from {first / 'acme.py'} in place of {second / 'acme.py'}:"
        " rename one, or take the other folder off the path"
    )
    plugin = load()["acme-agents"]
    assert plugin.status == "failed"
    assert "implements no hook" in plugin.reason
    assert plugin.reason.endswith(f"; {shadow}")
    sys.modules.pop("acme", None)
    add_code(first, "acme", name="mine")
    importlib.invalidate_caches()
    plugin = load()["acme-agents"]
    assert (plugin.agents, plugin.warnings) == (("mine",), (shadow,))


DAMAGE = {
    "no text": b"[perdure]\nit = \xff\xfe\n",
    "no list": b"[console_scripts]\nnothing\n",
    "an open section": b"[console_scripts\nit = acme\n",
    "zeroes": bytes(64),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["acme-agents", "beautiful-pots"])
def test_damaged_entry_points_are_named_whoever_has_them(
    name: str, damage: str, sites: tuple[Path, Path], install_plugin: Callable[..., None]
) -> None:
    install_plugin("perdure-okapi", SOURCE.format(name="okapi", version="1.0"))
    folder = add_metadata(sites[0], name, "1.0", "acme")
    (folder / "entry_points.txt").write_bytes(DAMAGE[damage])
    plugins = load()
    assert (plugins[name].status, plugins[name].reason) == (
        "failed",
        f"its entry_points.txt cannot be read: pip install --force-reinstall {name}",
    )
    assert plugins["perdure-okapi"].status == "loaded"
