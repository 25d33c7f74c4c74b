"""Tests of Django's projects, with a package in Django's place that notes what is called.

Django itself is large, and called in the four ways alone that its documentation gives for this.
"""

from typing import Any

import pytest

from perdure_code.test_runs.discovery import discover
from perdure_code.test_runs.outcomes import Outcome

MANAGE = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
RUNNER = """
import django

class Runner:
    def __init__(self, verbosity, interactive):
        assert not interactive

    def setup_test_environment(self):
        django.called.append("environment")

    def setup_databases(self):
        django.called.append("databases")
        return "made"

    def teardown_databases(self, made):
        assert made == "made"

    def teardown_test_environment(self):
        pass

def get_runner(settings):
    return Runner
"""
PROJECT = {
    "manage.py": MANAGE,
    "django/__init__.py": "called = []\ndef setup():\n    called.append('setup')\n",
    "django/conf.py": "settings = object()\n",
    "django/test/__init__.py": "",
    "django/test/utils.py": RUNNER,
    "orders/models.py": "import django\nassert django.called == ['setup']\n",
    "orders/tests.py": """
import django, os
import orders.models

def test_ready():
    assert django.called == ["setup", "environment", "databases"]
    assert os.environ["DJANGO_SETTINGS_MODULE"] == "shop.settings"
""",
}


async def test_django_is_set_up_where_the_repository_has_no_plugin_for_it(
    run_the_tests: Any,
) -> None:
    result = await run_the_tests(PROJECT)
    assert (result.outcome, result.passed) == (Outcome.PASSED, 1), result.ended


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"django/__init__.py": "def setup():\n    raise KeyError('KEY')\n"},
            "be set up (KeyError",
        ),
        (
            {"django/test/utils.py": RUNNER.replace('return "made"', 'raise OSError("none")')},
            "Django's databases for tests cannot be made (OSError: none)",
        ),
    ],
)
async def test_why_django_cannot_be_set_up_is_told(
    run_the_tests: Any, changed: dict[str, str], says: str
) -> None:
    result = await run_the_tests({**PROJECT, **changed})
    assert (result.outcome, result.passed) == (Outcome.UNABLE, 0)
    assert says in result.ended


@pytest.mark.parametrize(
    ("files", "settings"),
    [
        ({}, ""),
        ({"manage.py": MANAGE}, "shop.settings"),
        ({"web/manage.py": MANAGE}, "shop.settings"),
        (
            {"manage.py": MANAGE, "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = shop.tested\n"},
            "shop.tested",
        ),
        (
            {"pyproject.toml": '[tool.pytest.ini_options]\nDJANGO_SETTINGS_MODULE = "a.b"\n'},
            "a.b",
        ),
    ],
)
def test_settings_for_pytest_count_before_those_of_manage_py(
    write: Any, files: dict[str, str], settings: str
) -> None:
    assert discover(write({"test_a.py": "def test_a(): pass\n", **files})).django == settings
