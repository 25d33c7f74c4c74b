"""The environment of tests: the repository's own, a fresh one, the worker's."""

import base64
import hashlib
import io
import os
import sys
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from perdure_code.environments.declarations import Declarations, read_declarations
from perdure_code.environments.interpreters import choose_interpreter, environment_mounts
from perdure_code.environments.project_metadata import write_metadata
from perdure_code.test_runs.outcomes import Outcome

PASSES = "def test_a():\n    pass\n"


def make_wheel(folder: Path, name: str, version: str, files: Mapping[str, str]) -> None:
    """Write a wheel by hand."""
    info = f"{name}-{version}.dist-info"
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{info}/RECORD,,"]
    for path, text in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
        record.append(f"{path},sha256={digest.rstrip('=')},{len(text.encode())}")
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**content, f"{info}/RECORD": "\n".join(record)}.items():
            wheel.writestr(path, text)


def make_sdist(folder: Path, name: str, setup: str) -> None:
    """Write a source distribution by hand."""
    with tarfile.open(folder / f"{name}-1.0.tar.gz", "w:gz") as archive:
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        for path, text in {"setup.py": setup, "PKG-INFO": metadata}.items():
            entry = tarfile.TarInfo(f"{name}-1.0/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))


# Enough of pytest to report one test that shows what can be imported.
PYTEST = """
import json, os, sys
__version__ = "99.0"
if __name__ == "pytest":
    def main():
        with open(os.environ["PERDURE_TEST_REPORT"], "w") as report:
            for line in (
                {"kind": "session", "pytest": __version__, "python": sys.version.split()[0]},
                {"kind": "test", "id": repr(__import__("thing").VALUE), "outcome": "passed"},
                {"kind": "end", "status": 0},
            ):
                report.write(json.dumps(line) + "\\n")
"""


async def test_wheels_alone_are_installed_and_none_of_their_code_runs_outside(
    run_the_tests: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, trace = tmp_path / "index", tmp_path / "trace"
    index.mkdir()
    start = f"import os; os.path.isdir({str(tmp_path)!r}) and open({str(trace)!r}, 'w')\n"
    make_wheel(index, "thing", "2.0", {"thing.py": "VALUE = 7\n", "thing.pth": start})
    make_wheel(
        index,
        "pytest",
        "99.0",
        {"pytest/__init__.py": PYTEST, "pytest/__main__.py": "import pytest; pytest.main()\n"},
    )
    make_sdist(index, "evil", f"{start}from setuptools import setup; setup(name='evil')\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    files = {
        "test_a.py": PASSES,
        "requirements.txt": "thing==1.0\nevil\n-e ./elsewhere\nother @ file:///nowhere/other.whl\n",
    }
    result = await run_the_tests(files, install=True)
    assert (result.outcome, [case.id for case in result.cases]) == (Outcome.PASSED, ["7"]), result
    assert not trace.exists()
    said = " ".join(result.notes)
    assert "no wheel of thing==1.0 for this Python: another was taken" in said
    assert "no wheel of evil for this Python: it was left out" in said
    assert "elsewhere" in said
    assert "other@" in said.replace(" ", "")
    assert "a fresh environment" in result.runner


async def test_where_nothing_can_be_installed_the_worker_s_python_is_used(
    run_the_tests: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    result = await run_the_tests({"test_a.py": PASSES}, install=True)
    assert result.outcome is Outcome.PASSED
    assert any("could not be installed" in note for note in result.notes), result.notes


async def test_the_repository_s_own_environment_is_preferred(
    run_the_tests: Any, tmp_path: Path
) -> None:
    own = tmp_path / "repo" / ".venv"
    venv.EnvBuilder(symlinks=True).create(own)
    packages = next(own.glob("lib/python*/site-packages"))
    (packages / "thing.py").write_text("VALUE = 7\n")
    test = f"import sys, thing\ndef test_a():\n    assert sys.prefix == {str(own)!r}\n"
    result = await run_the_tests({"test_a.py": test})
    assert result.outcome is Outcome.PASSED, result
    assert "the repository's .venv" in result.runner
    assert any(".venv has no pytest" in note for note in result.notes)


async def test_an_environment_that_does_not_work_is_left_aside_and_named(
    run_the_tests: Any, tmp_path: Path
) -> None:
    own = tmp_path / "repo" / "venv"
    (own / "bin").mkdir(parents=True)
    (own / "pyvenv.cfg").write_text("home = /nowhere/bin\n")
    (own / "bin" / "python").write_text("#!/bin/sh\necho broken >&2; exit 3\n")
    (own / "bin" / "python").chmod(0o755)
    result = await run_the_tests({"test_a.py": PASSES})
    assert result.outcome is Outcome.PASSED
    assert any("venv was left aside, because its Python does not run here (broken)" in note
               for note in result.notes), result.notes  # fmt: skip


@pytest.mark.parametrize("home", ["/etc", "/", "/root", "{home}", "{tmp}", "x", "/x/../root"])
def test_settings_of_an_environment_show_no_folder_that_is_no_python(
    home: str, tmp_path: Path
) -> None:
    own = tmp_path / ".venv"
    (own / "bin").mkdir(parents=True)
    text = home.format(home=Path.home(), tmp=tmp_path)
    (own / "pyvenv.cfg").write_text(f"home = {text}/bin\n")
    assert {mount.source for mount in environment_mounts(own) or ()} <= {str(own)}


def test_settings_of_an_environment_show_the_python_s_programs_and_libraries_alone(
    tmp_path: Path,
) -> None:
    own = tmp_path / ".venv"
    own.mkdir()
    base = Path(os.path.realpath(sys.executable)).parent
    (own / "pyvenv.cfg").write_text(f"home = {base}\n")
    for mount in environment_mounts(own) or ():
        assert Path(mount.source) == own or Path(mount.source).name in {"bin", "lib", "lib64"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {
                "pyproject.toml": (
                    "[project]\nname = 'My_Pk'\nrequires-python = '>=3.9'\n"
                    "dependencies = ['a>=1', 'b @ https://x/b.whl', \"c; python_version<'3'\"]\n"
                    "[project.optional-dependencies]\ntest = ['d', 'my-pk[more]']\nmore = ['e']\n"
                    "docs = ['f']\ndev = ['g']\n"
                    "[dependency-groups]\ntest = [{include-group = 'base'}, 'h']\nbase = ['i']\n"
                )
            },
            ("a>=1", "d", "e", "h", "i"),
        ),
        (
            {
                "setup.cfg": (
                    "[options]\ninstall_requires =\n    a\n    b>2\ntests_require = c\n"
                    "[options.extras_require]\ntesting =\n    d\n"
                )
            },
            ("a", "b>2", "c", "d"),
        ),
        (
            {
                "setup.py": (
                    "import os\nfrom setuptools import setup\nos.abort()\n"
                    "setup(name='x', install_requires=['a', 'b'], extras_require={'test': 'c'},\n"
                    "      tests_require=open('x').read())\n"
                )
            },
            ("a", "b", "c"),
        ),
        (
            {
                "requirements.txt": "a==1 --hash=sha256:00 # why\n-r more/b.txt\n-i https://x\n.\n",
                "more/b.txt": "b\n-r ../../outside.txt\n-r b.txt\n",
                "requirements-test.txt": "c \\\n  >=2\n",
                "requirements-dev.txt": "d\n",
            },
            ("a==1", "b", "c>=2"),
        ),
        (
            {
                "pyproject.toml": (
                    "[tool.poetry]\nname='x'\n[tool.poetry.dependencies]\npython='^3.9'\n"
                    "a='^1.2.3'\nb='~2.1'\nc='*'\nd={version='^0.3', optional=true}\n"
                    "[tool.poetry.group.test.dependencies]\ne='>=1,<3'\n"
                )
            },
            ("a<2,>=1.2.3", "b<2.2,>=2.1", "c", "d<0.4,>=0.3", "e<3,>=1"),
        ),
        (
            {"tox.ini": "[testenv]\ndeps =\n    a\n    py39: b\n    -r{toxinidir}/c.txt\n"},
            ("a", "b"),
        ),
        ({"pyproject.toml": "not = [toml", "setup.cfg": "nor ini", "setup.py": "def f(:"}, ()),
    ],
)
def test_what_a_repository_declares_is_read(
    write: Any, tmp_path: Path, files: dict[str, str], expected: tuple[str, ...]
) -> None:
    (tmp_path / "outside.txt").write_text("outside\n")
    assert read_declarations(write(files)).requirements == expected


def test_versions_of_python_are_compared() -> None:
    declared = Declarations(python=">=3.12")
    assert not declared.supports("3.11.7")
    assert declared.supports("3.13")
    assert Declarations(python="nonsense").supports("3.11")


async def test_a_project_that_is_not_installed_knows_its_version_and_entry_points(
    run_the_tests: Any,
) -> None:
    files = {
        "pyproject.toml": (
            "[project]\nname = 'Some.Shop'\nversion = '1.2'\n"
            "[project.scripts]\nshop = 'shop:main'\n"
            "[project.entry-points.pytest11]\nshop = 'shop_plugin'\n"
        ),
        "shop_plugin.py": "import pytest\n@pytest.fixture\ndef seven(): return 7\n",
        "test_a.py": (
            "from importlib.metadata import entry_points, version\n"
            "def test_a(seven):\n"
            "    assert (version('some-shop'), seven) == ('1.2', 7)\n"
            "    assert [one.value for one in entry_points(name='shop', group='console_scripts')]"
            " == ['shop:main']\n"
        ),
    }
    result = await run_the_tests(files)
    assert result.outcome is Outcome.PASSED, result


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"setup.cfg": "[metadata]\nname = pk\nversion = 3\n"}, ["pk-3.dist-info"]),
        ({"PKG-INFO": "Metadata-Version: 2.1\nName: a-b\nVersion: 1.0\n"}, ["a_b-1.0.dist-info"]),
        ({"setup.cfg": "[metadata]\nname = pk\nversion = attr: pk.v\n"}, ["pk-0.dist-info"]),
        ({"pyproject.toml": "[project]\nname = '../../x'\nversion = '1'\n"}, []),
        ({"pyproject.toml": "[project]\nname = 'x'\nversion = '../1'\n"}, ["x-0.dist-info"]),
        ({"a.py": ""}, []),
    ],
)
def test_the_metadata_of_a_project_is_written(
    write: Any, tmp_path: Path, files: dict[str, str], expected: list[str]
) -> None:
    folder = tmp_path / "metadata"
    folder.mkdir()
    write_metadata(write(files), folder)
    assert [one.name for one in folder.iterdir()] == expected


def test_a_python_that_the_repository_supports_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("3.15", "3.16"):
        for name in (f"bin/python{version}", f"lib/python{version}/os.py"):
            file = tmp_path / version / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("")
            file.chmod(0o755)
    no_python = tmp_path / "shims" / "bin"
    no_python.mkdir(parents=True)
    (no_python / "python3.17").write_text("")
    (no_python / "python3.17").chmod(0o755)
    path = ":".join(str(tmp_path / version / "bin") for version in ("shims", "3.15", "3.16"))
    monkeypatch.setenv("PATH", path)
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    for declared, version in (("", here), (">=3.15", "3.16"), ("==3.15.*", "3.15"), (">9", here)):
        found = choose_interpreter(Declarations(python=declared))
        assert (found.version, found.is_worker) == (version, version == here)
        if version != here:
            assert found.prefix == tmp_path / version
