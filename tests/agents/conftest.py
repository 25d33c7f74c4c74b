"""Plugins made on the spot: real distributions on ``sys.path``, found through their metadata."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import plugins

InstallPlugin = Callable[..., None]


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InstallPlugin]:
    """Return a function that installs a plugin with one module of the given source."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    modules: list[str] = []

    def install(distribution: str, source: str, **metadata: str) -> None:
        modules.append(plugins.install_plugin(site, distribution, source, **metadata))
        importlib.invalidate_caches()

    yield install
    for module in modules:
        sys.modules.pop(module, None)
