"""A safe fix takes no name that something uses from there."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from perdure_code.review.safe_fixes import apply_safe_fixes

COMPAT = "from json import loads\n"
HANDED_ON = "as a part of the module that is handed on"
# What uses pkg.compat.loads, and where the review says so.
USES: dict[str, tuple[Mapping[str, str], str]] = {
    "imported": ({"pkg/app.py": "from pkg.compat import loads\nloads('1')\n"}, "pkg/app.py:1"),
    "imported under a name": (
        {"pkg/app.py": "from pkg.compat import loads as read\nread('1')\n"},
        "pkg/app.py:1",
    ),
    "imported relatively": (
        {"pkg/app.py": "from .compat import loads\nloads('1')\n"},
        "pkg/app.py:1",
    ),
    "as an attribute of the module": (
        {"pkg/app.py": "import pkg.compat as c\n\nc.loads('1')\n"},
        "pkg/app.py:3",
    ),
    "as an attribute of the whole name": (
        {"app.py": "import pkg.compat\n\npkg.compat.loads('1')\n"},
        "app.py:3",
    ),
    "through the package": (
        {"app.py": "from pkg import compat\n\ncompat.loads('1')\n"},
        "app.py:3",
    ),
    "through everything": (
        {"pkg/app.py": "from .compat import *\n\nloads('1')\n"},
        "pkg/app.py:1",
    ),
    "through everything of another": (
        {
            "pkg/more.py": "from .compat import *\n",
            "app.py": "from pkg.more import loads\nloads('1')\n",
        },
        "app.py:1",
    ),
    "by its name in a text": (
        {"app.py": "import pkg.compat as c\n\ngetattr(c, 'loads')('1')\n"},
        "app.py:3",
    ),
    "by a name that is not known": (
        {"app.py": "import pkg.compat as c\n\n\ndef f(n):\n    return getattr(c, n)\n"},
        "app.py:5",
    ),
    "of the module that is loaded by its name": (
        {
            "app.py": (
                "from importlib import import_module\n\nimport_module('pkg.compat').loads('1')\n"
            )
        },
        "app.py:3",
    ),
    HANDED_ON: (
        {"app.py": "from pkg import compat\n\nprint(vars(compat))\n"},
        "app.py:3",
    ),
    "as what a test patches": (
        {"tests/test_a.py": "from unittest import mock\nmock.patch('pkg.compat.loads')\n"},
        "tests/test_a.py:2",
    ),
    "as an entry point": (
        {"pyproject.toml": "[project.scripts]\nread = 'pkg.compat:loads'\n"},
        "pyproject.toml:2",
    ),
    "in a document": ({"docs/api.rst": "API\n\n.. autofunction:: pkg.compat.loads\n"}, "docs/api"),
    "for the checker of types": (
        {
            "pkg/app.py": (
                "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
                "    from pkg.compat import loads\n\n\ndef f(x: 'loads'): ...\n"
            )
        },
        "pkg/app.py:4",
    ),
}


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return root


ANY_NAME = {"by a name that is not known", "as a part of the module that is handed on"}


@pytest.mark.parametrize("kind", sorted(USES))
def test_a_name_that_is_used_stays(kind: str, tmp_path: Path) -> None:
    files, where = USES[kind]
    package = {"pkg/__init__.py": "", "pkg/compat.py": f"import os\n{COMPAT}x = 1\n"}
    root = write(tmp_path, {**package, **files})
    found = [one for one in apply_safe_fixes(root) if one.path == "pkg/compat.py"]
    withheld = {one.name: one for one in found}["loads"]
    assert withheld.line == 2
    assert f"{withheld.because.path}:{withheld.because.line}".startswith(where)
    # Where any name may be looked up, the other stays too.
    kept = "import os\n" if len(found) == 2 else ""
    assert (root / "pkg/compat.py").read_text() == f"{kept}{COMPAT}x = 1\n"
    assert (len(found) == 2) == (kind in {"by a name that is not known", HANDED_ON})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.py", "import os\n\n\ndef f():\n    '''\n    >>> os.sep\n    '''\n"),
        ("a.py", "import os\n\nprint(eval('os.sep'))\n"),
        ("a.py", "import os\n\nprint(globals()['os'])\n"),
    ],
)
def test_names_that_texts_of_the_file_use_stay(name: str, content: str, tmp_path: Path) -> None:
    root = write(tmp_path, {name: content})
    apply_safe_fixes(root)
    assert (root / name).read_text().startswith("import os\n")


def test_a_fixture_that_tests_ask_for_stays(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "fixtures.py": "def db(): ...\ndef other(): ...\n",
            "conftest.py": "from fixtures import db, other\n",
            "tests/test_a.py": "def test_a(db): ...\n",
        },
    )
    (withheld,) = apply_safe_fixes(root)
    assert withheld.because.path == "tests/test_a.py"
    assert (root / "conftest.py").read_text() == "from fixtures import db\n"


def test_a_fixture_of_a_plugin_that_a_conftest_names_stays(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "db.py": "def connection(): ...\n",
            "tests/__init__.py": "",
            "tests/plugin.py": "from db import connection\n",
            "tests/conftest.py": "pytest_plugins = ['tests.plugin']\n",
            "tests/test_a.py": "def test_a(connection): ...\n",
        },
    )
    (withheld,) = apply_safe_fixes(root)
    assert (withheld.path, withheld.because.path) == ("tests/plugin.py", "tests/test_a.py")


def test_an_import_that_registers_something_stays(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "app.py": "import handlers\nimport quiet\n\nx = 1\n",
            "handlers.py": "from registry import on\n\n\n@on('start')\ndef start(): ...\n",
            "quiet.py": "y = 1\n",
            "registry.py": "def on(name):\n    return lambda f: f\n",
        },
    )
    (withheld,) = apply_safe_fixes(root)
    assert "registers `start`" in withheld.because.how
    assert (root / "app.py").read_text() == "import handlers\n\nx = 1\n"


def test_a_name_that_nobody_uses_goes_and_the_rest_still_runs(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "pkg/__init__.py": "",
            "pkg/compat.py": "import os\r\nfrom json import dumps, loads\r\n",
            "app.py": "from pkg.compat import loads\nprint(loads('1'))",
        },
    )
    assert [one.name for one in apply_safe_fixes(root)] == ["loads"]
    assert (root / "pkg/compat.py").read_bytes() == b"from json import loads\r\n"
    subprocess.run([sys.executable, "-E", "app.py"], cwd=root, check=True, capture_output=True)
