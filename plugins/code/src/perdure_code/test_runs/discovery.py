"""Where a repository's tests are, and what pytest must be given to find them."""

import configparser
import fnmatch
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from perdure_code.repository.working_copy import python_files

_DEFAULT_PATTERNS: Final = ("test_*.py", "*_test.py")
_MAX_BYTES: Final = 1_000_000
_SECTIONS: Final = (
    ("pytest.ini", "pytest"),
    (".pytest.ini", "pytest"),
    ("tox.ini", "pytest"),
    ("setup.cfg", "tool:pytest"),
)
_PROJECT_SIGNS: Final = ("pyproject.toml", "setup.py", "setup.cfg", "manage.py")
_HINTS: Final = ("tox.ini", "noxfile.py", "Makefile", "makefile", "justfile", "setup.cfg")
_A_TEST: Final = re.compile(r"^(async\s+)?def\s+test|^class\s+\w+\(.*TestCase\b", re.MULTILINE)
_TEST_CASES: Final = re.compile(r"^class\s+\w+\(.*TestCase\b.*\):", re.MULTILINE)
_A_DOCTEST: Final = re.compile(r"""^\s*(?:[rR]?(?:\"{3}|'{3}))?>>> \S""", re.MULTILINE)
_NAMES: Final = re.compile(r"(^|_)(tests?|specs?)(_|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Discovery:
    """Where the tests are.

    Attributes:
        settings: The file with the repository's own settings for pytest; empty without one.
        options: The options that these add to the command line.
        files: The files that pytest finds tests in, relative to the repository; some may hold none.
        patterns: Patterns of file names to give to pytest; none where its own do.
        folders: The folders of the projects that the files belong to, where these are not the
            repository's own: what the tests import is there, or in a folder ``src``.
        django: Django's settings, as those for pytest or else ``manage.py`` name them; empty
            without any.
        doctests: Whether the examples in docstrings are all the tests there are.
    """

    settings: str
    options: str
    files: tuple[str, ...]
    patterns: tuple[str, ...]
    folders: tuple[str, ...]
    django: str
    doctests: bool

    @property
    def found(self) -> bool:
        """Whether there is anything to run."""
        return bool(self.files) or self.doctests


def discover(root: Path) -> Discovery:
    """Look for a repository's tests, without running anything.

    Where the repository says which files hold tests, these do. Else those that pytest's own
    patterns match, and those that are called tests or hold test cases of :mod:`unittest`.
    """
    name, settings = pytest_settings(root)
    stated = _words(settings.get("python_files"))
    patterns = stated or [*_DEFAULT_PATTERNS, *_patterns_of_unittest(root)]
    files: list[str] = []
    further: set[str] = set()
    doctests = False
    for file in python_files(root):
        base = file.rpartition("/")[2]
        if any(fnmatch.fnmatch(base, pattern) for pattern in patterns):
            files.append(file)
            continue
        text = _text(root / file)
        doctests = doctests or bool(_A_DOCTEST.search(text))
        if not stated and _holds_tests(file, text):
            files.append(file)
            further.add(base)
    options = " ".join(_words(settings.get("addopts")))
    given = () if stated else tuple(patterns) + tuple(sorted(further))
    return Discovery(
        settings=name,
        options=options,
        files=tuple(files),
        patterns=() if given == _DEFAULT_PATTERNS else given,
        folders=tuple(dict.fromkeys(_projects(root, files))),
        django=" ".join(_words(settings.get("DJANGO_SETTINGS_MODULE"))) or _django_settings(root),
        doctests=doctests and not files,
    )


def pytest_settings(root: Path) -> tuple[str, dict[str, Any]]:
    """Return the file that pytest reads its settings from, and what these are; none without one."""
    for name in ("pytest.toml", ".pytest.toml"):
        if (root / name).is_file():
            return name, _table(_toml(root / name), "pytest")
    for name, section in _SECTIONS[:2]:
        if (root / name).is_file():
            return name, _ini(root / name, section) or {}
    tool = _table(_toml(root / "pyproject.toml"), "tool")
    pytest = _table(tool, "pytest")
    if pytest:
        return "pyproject.toml", _table(pytest, "ini_options") or pytest
    for name, section in _SECTIONS[2:]:
        found = _ini(root / name, section)
        if found is not None:
            return name, found
    return "", {}


def _holds_tests(file: str, text: str) -> bool:
    """Whether a file that pytest's patterns do not match holds tests all the same."""
    *folders, name = file.split("/")
    if name == "conftest.py" or " " in name:
        return False
    called_tests = map(_NAMES.search, (name.removesuffix(".py"), *folders))
    if name != "__init__.py" and any(called_tests):
        return bool(_A_TEST.search(text))
    return bool(_TEST_CASES.search(text) and "def test" in text)


def _projects(root: Path, files: list[str]) -> Iterator[str]:
    for file in files:
        for folder in list(PurePosixPath(file).parents)[:-1]:
            if any((root / folder / sign).is_file() for sign in _PROJECT_SIGNS):
                yield str(folder)


def _django_settings(root: Path) -> str:
    for file in (root / "manage.py", *sorted(root.glob("*/manage.py"))):
        found = re.search(r"DJANGO_SETTINGS_MODULE['\"]\s*,\s*['\"]([\w.]+)['\"]", _text(file))
        if found:
            return found[1]
    return ""


def _patterns_of_unittest(root: Path) -> Iterator[str]:
    """Yield the patterns that the repository's own commands give to unittest's discovery."""
    for name in _HINTS:
        for found in re.finditer(
            r"unittest.{1,20}discover.*?(?:-p|--pattern)[\s=,'\"]+([\w*?.\[\]-]+)",
            _text(root / name),
        ):
            yield found[1]


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [str(word) for word in value] if isinstance(value, list) else []


class _Ini(configparser.ConfigParser):
    """Settings whose names are as they are written: those of pytest's plugins have capitals."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def _ini(file: Path, section: str) -> dict[str, Any] | None:
    settings = _Ini(interpolation=None, strict=False)
    try:
        settings.read_string(_text(file))
    except configparser.Error:
        return None
    return dict(settings.items(section)) if settings.has_section(section) else None


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(file))
    except ValueError:
        return {}


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _text(file: Path) -> str:
    try:
        if file.is_symlink() or file.stat().st_size > _MAX_BYTES:
            return ""
        return file.read_text("utf-8", errors="replace")
    except OSError:
        return ""
