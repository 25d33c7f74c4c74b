"""A plugin for pytest that does what ``manage.py test`` does before and after Django's tests.

It is for repositories without pytest-django, and leaves everything to that where it is there. As
the reporter beside it, it is loaded by the repository's pytest on the repository's Python.
"""

# ruff: noqa: D103 -- pytest calls these hooks, and names their arguments

import contextlib
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: Any) -> None:
    # Before anything that imports a model.
    if not _needs_set_up(early_config):
        return
    try:
        import_module("django").setup()
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise pytest.UsageError(f"Django cannot be set up ({said})") from error


@pytest.hookimpl(hookwrapper=True)
def pytest_runtestloop(session: Any) -> Any:
    if not _needs_set_up(session.config):
        yield
        return
    with _databases():
        yield


@contextlib.contextmanager
def _databases() -> Iterator[None]:
    """Make the databases of tests, and remove them in the end."""
    settings = import_module("django.conf").settings
    runner_class = import_module("django.test.utils").get_runner(settings)
    runner = runner_class(verbosity=0, interactive=False)
    try:
        runner.setup_test_environment()
        made = runner.setup_databases()
    except Exception as error:  # noqa: BLE001 -- of whichever database
        # Without these, tests would be given those of the settings themselves.
        said = " ".join(f"{type(error).__name__}: {error}".split())
        pytest.exit(f"Django's databases for tests cannot be made ({said})", 2)
    try:
        yield
    finally:
        runner.teardown_databases(made)
        runner.teardown_test_environment()


def _needs_set_up(config: Any) -> bool:
    """Whether there is Django, and no plugin of its own that sets it up."""
    if config.pluginmanager.hasplugin("django") or "pytest_django.plugin" in sys.modules:
        return False
    # Where there is none, the tests that import it say so themselves.
    return find_spec("django") is not None
