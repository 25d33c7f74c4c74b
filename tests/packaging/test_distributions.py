"""What the wheels and sdists hold, say and do once installed."""

import re
import subprocess
import tarfile
import venv
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PLUGINS = ("analysis", "code", "document", "research", "teams")
PACKAGES = {"perdure": "core"} | {
    f"perdure_{name}": f"plugins/{name}/src/perdure_{name}" for name in PLUGINS
}
# What a wheel holds besides its package's own folder: parts of it that lie elsewhere in the clone.
PARTS = {"perdure": {"perdure/templates": "templates"}}


class Wheel:
    """A built wheel: the files it holds and what its metadata says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with ZipFile(path) as archive:
            self.content = {
                name: archive.read(name) for name in archive.namelist() if not name.endswith("/")
            }
        (self.information,) = {name.split("/")[0] for name in self.content if ".dist-info/" in name}

    @property
    def files(self) -> set[str]:
        return {name for name in self.content if not name.startswith(f"{self.information}/")}

    @property
    def metadata(self) -> Message:
        return Parser().parsestr(self.content[f"{self.information}/METADATA"].decode())

    def every(self, field: str) -> list[str]:
        return [str(value) for value in self.metadata.get_all(field) or []]

    @property
    def entry_points(self) -> str:
        return self.content[f"{self.information}/entry_points.txt"].decode()

    @property
    def license(self) -> str:
        return self.content[f"{self.information}/licenses/LICENSE"].decode()


@pytest.fixture(scope="session")
def wheels(distributions: Path) -> dict[str, Wheel]:
    """Return the wheels by the import name of what they bring."""
    return {path.name.split("-")[0]: Wheel(path) for path in distributions.glob("*.whl")}


def tracked(folder: str) -> set[str]:
    """Return the files under a folder that git tracks, relative to it."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--", "."],
        cwd=ROOT / folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return {name for name in listing.stdout.split("\0") if name}


def test_there_are_five_of_each(distributions: Path) -> None:
    assert {path.name.split("-")[0] for path in distributions.glob("*.whl")} == set(PACKAGES)
    assert {path.name.split("-")[0] for path in distributions.glob("*.tar.gz")} == set(PACKAGES)


@pytest.mark.parametrize(("package", "folder"), PACKAGES.items(), ids=PACKAGES)
def test_a_wheel_holds_what_git_tracks(wheels: dict[str, Wheel], package: str, folder: str) -> None:
    folders = {package: folder} | PARTS.get(package, {})
    expected = {f"{place}/{name}" for place, part in folders.items() for name in tracked(part)}

    assert wheels[package].files == expected, (
        "the wheel and git differ: git add what is new, and list data files under package-data"
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_is_typed_and_carries_the_licence(wheels: dict[str, Wheel], package: str) -> None:
    assert f"{package}/py.typed" in wheels[package].files
    assert wheels[package].metadata["License-Expression"] == "MIT"
    assert wheels[package].license == (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("package", PACKAGES)
def test_an_sdist_holds_what_its_wheel_is_built_from(distributions: Path, package: str) -> None:
    (sdist,) = distributions.glob(f"{package}-*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"pyproject.toml", "README.md", "LICENSE"} <= names
    assert not any(name.startswith(("build/", ".tox/", ".venv/")) for name in names)


def test_the_core_brings_the_command_and_what_pytest_gains(wheels: dict[str, Wheel]) -> None:
    entry_points = ConfigParser()
    entry_points.read_string(wheels["perdure"].entry_points)

    assert {name: dict(entry_points[name]) for name in entry_points.sections()} == {
        "console_scripts": {"perdure": "perdure.cli:main"},
        "pytest11": {"perdure": "perdure.testing.pytest_plugin"},
    }


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_says_that_it_is_one(wheels: dict[str, Wheel], name: str) -> None:
    wheel = wheels[f"perdure_{name}"]
    entry_points = ConfigParser()
    entry_points.read_string(wheel.entry_points)

    assert entry_points.sections() == ["perdure"]
    assert dict(entry_points["perdure"]) == {name: f"perdure_{name}.plugin"}
    assert f"perdure_{name}/plugin.py" in wheel.files
    assert wheel.metadata["Name"] == f"perdure-{name}"
    assert "perdure-plugin" in str(wheel.metadata["Keywords"]).split(",")


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_fits_this_core_and_no_later_minor_version(
    wheels: dict[str, Wheel], name: str
) -> None:
    version = str(wheels["perdure"].metadata["Version"])
    major, minor = (int(part) for part in version.split(".")[:2])
    requires = wheels[f"perdure_{name}"].every("Requires-Dist")

    (core,) = (
        requirement for requirement in map(Requirement, requires) if requirement.name == "perdure"
    )

    assert core.specifier.contains(version)
    assert not core.specifier.contains(f"{major}.{minor + 1}.0")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_requirement_says_which_version_it_needs_at_least(
    wheels: dict[str, Wheel], package: str
) -> None:
    requires = wheels[package].every("Requires-Dist")
    unbounded = [
        line
        for line in requires
        # One extra may ask for another of the same version.
        if Requirement(line).name != wheels[package].metadata["Name"]
        and not any(bound.operator in {">=", "~=", "=="} for bound in Requirement(line).specifier)
    ]

    assert not unbounded


def test_the_tests_cover_the_python_versions_that_are_promised(wheels: dict[str, Wheel]) -> None:
    classifiers = wheels["perdure"].every("Classifier")
    promised = {
        "py" + version.replace(".", "")
        for line in classifiers
        for version in re.findall(r"Python :: (3\.\d+)$", line)
    }
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")

    assert promised == set(re.findall(r"py3\d+", tox["tox"]["env_list"]))
    for name in PLUGINS:
        assert set(wheels[f"perdure_{name}"].every("Classifier")) >= {
            line for line in classifiers if "Python :: 3." in line
        }


def test_the_command_works_where_nothing_else_is_installed(
    wheels: dict[str, Wheel], tmp_path: Path
) -> None:
    venv.create(tmp_path, with_pip=True)
    python = tmp_path / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheels["perdure"].path], check=True)

    told = subprocess.run(
        [tmp_path / "bin" / "perdure", "--version"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )

    assert str(wheels["perdure"].metadata["Version"]) in told.stdout
