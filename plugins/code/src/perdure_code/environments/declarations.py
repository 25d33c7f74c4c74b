"""What a repository declares to need, read without running anything of it."""

import ast
import configparser
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

_TEST_GROUPS: Final = ("test", "tests", "testing", "pytest")
_DEVELOPMENT_GROUPS: Final = ("dev", "develop", "development")
_FILES: Final = ("requirements.txt", "requirements/base.txt", "requirements/main.txt")
_TEST_FILES: Final = (
    "requirements-test.txt",
    "requirements-tests.txt",
    "requirements_test.txt",
    "test-requirements.txt",
    "test_requirements.txt",
    "tests/requirements.txt",
    "requirements/test.txt",
    "requirements/tests.txt",
    "requirements/testing.txt",
)
_DEVELOPMENT_FILES: Final = (
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
    "requirements/dev.txt",
    "requirements/development.txt",
)
_MAX_BYTES: Final = 1_000_000
_MAX_DEPTH: Final = 5


@dataclass(frozen=True, slots=True)
class Declarations:
    """What a repository declares.

    Attributes:
        name: The project's name, normalised; empty when it declares none.
        python: The versions of Python that it supports, such as ``>=3.9``; empty for any.
        requirements: What it needs, its tests included, sorted.
        left_out: Requirements that no package index can answer, such as addresses and folders.
    """

    name: str = ""
    python: str = ""
    requirements: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The normalised names of what it needs."""
        return frozenset(canonicalize_name(Requirement(text).name) for text in self.requirements)

    def supports(self, version: str) -> bool:
        """Whether it supports a version of Python."""
        try:
            return SpecifierSet(self.python).contains(version, prereleases=True)
        except InvalidSpecifier:
            return True

    def missing_here(self) -> list[str]:
        """Return the names of what it needs and this process's Python does not have."""
        missing: list[str] = []
        for name in sorted(self.names):
            try:
                metadata.version(name)
            except metadata.PackageNotFoundError:
                missing.append(name)
        return missing


def read_declarations(root: Path) -> Declarations:
    """Return what a repository declares.

    It is read from ``pyproject.toml``, ``setup.cfg``, the literals in ``setup.py``,
    ``requirements*.txt`` and ``tox.ini``.
    """
    reading = _Reading(root)
    reading.read()
    return reading.declarations()


class _Reading:
    """The reading of one repository's declarations."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._name = ""
        self._python = ""
        self._needed: dict[str, None] = {}
        self._left_out: dict[str, None] = {}
        self._extras: dict[str, list[str]] = {}

    def read(self) -> None:
        self._pyproject()
        self._setup_cfg()
        self._setup_py()
        self._files(_FILES)
        if not self._files(_TEST_FILES):
            self._files(_DEVELOPMENT_FILES)
        self._tox()
        for text in self._chosen(self._extras):
            self._need(text)
        if any(Requirement(text).name.lower() == "django" for text in self._needed):
            self._need("pytest-django")  # Django's own way to run tests is another

    def declarations(self) -> Declarations:
        return Declarations(
            name=self._name,
            python=self._python,
            requirements=tuple(sorted(self._needed)),
            left_out=tuple(sorted(self._left_out)),
        )

    def _pyproject(self) -> None:
        try:
            document = tomllib.loads(self._text("pyproject.toml"))
        except ValueError:
            return
        project = _table(document, "project")
        self._name = canonicalize_name(_string(project.get("name")))
        self._python = _string(project.get("requires-python"))
        for text in _strings(project.get("dependencies")):
            self._need(text)
        for extra, texts in _table(project, "optional-dependencies").items():
            self._extras.setdefault(canonicalize_name(extra), []).extend(_strings(texts))
        groups: dict[str, Any] = {
            canonicalize_name(name): value
            for name, value in _table(document, "dependency-groups").items()
            if isinstance(value, list)
        }
        chosen: dict[str, list[str]] = {name: list(_group(groups, name, 0)) for name in groups}
        for text in self._chosen(chosen):
            self._need(text)
        self._poetry(_table(_table(document, "tool"), "poetry"))

    def _poetry(self, poetry: dict[str, Any]) -> None:
        self._name = self._name or canonicalize_name(_string(poetry.get("name")))
        groups = {
            name: list(_from_poetry(_table(group, "dependencies")))
            for name, group in _table(poetry, "group").items()
        }
        groups.setdefault("dev", []).extend(_from_poetry(_table(poetry, "dev-dependencies")))
        for text in (*_from_poetry(_table(poetry, "dependencies")), *self._chosen(groups)):
            if Requirement(text).name != "python":
                self._need(text)

    def _setup_cfg(self) -> None:
        settings = self._settings("setup.cfg")
        self._name = self._name or canonicalize_name(settings.get("metadata", "name", fallback=""))
        self._python = self._python or settings.get("options", "python_requires", fallback="")
        for key in ("install_requires", "tests_require"):
            self._need_lines(settings.get("options", key, fallback=""))
        if settings.has_section("options.extras_require"):
            for extra, text in settings.items("options.extras_require"):
                self._extras.setdefault(canonicalize_name(extra), []).extend(text.splitlines())

    def _setup_py(self) -> None:
        """Read the literals among the arguments of ``setup()``."""
        try:
            tree = ast.parse(self._text("setup.py"))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call):
                continue
            called = call.func.attr if isinstance(call.func, ast.Attribute) else call.func
            if (called.id if isinstance(called, ast.Name) else called) != "setup":
                continue
            for keyword in call.keywords:
                try:
                    value = ast.literal_eval(keyword.value)
                except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                    continue
                self._argument(keyword.arg or "", value)

    def _argument(self, name: str, value: object) -> None:
        match name:
            case "name":
                self._name = self._name or canonicalize_name(_string(value))
            case "python_requires":
                self._python = self._python or _string(value)
            case "install_requires" | "tests_require":
                texts = value.splitlines() if isinstance(value, str) else _strings(value)
                self._need_lines("\n".join(texts))
            case "extras_require" if isinstance(value, dict):
                for extra, texts in value.items():
                    wanted = [texts] if isinstance(texts, str) else _strings(texts)
                    self._extras.setdefault(canonicalize_name(str(extra)), []).extend(wanted)

    def _tox(self) -> None:
        settings = self._settings("tox.ini")
        for line in settings.get("testenv", "deps", fallback="").splitlines():
            # Some are for one of the factors alone, as in "py39: mock".
            text = re.sub(r"^\s*[\w,!{}-]+:\s+", "", line)
            if "{" not in text:
                self._need_lines(text)

    def _files(self, names: Iterable[str]) -> bool:
        found = False
        for name in names:
            text = self._text(name)
            found = found or bool(text)
            self._need_lines(text, folder=(self._root / name).parent)
        return found

    def _need_lines(self, text: str, folder: Path | None = None, depth: int = 0) -> None:
        for whole in re.sub(r"\\\n", "", text).splitlines():
            line = re.sub(r"(^|\s)#.*$", "", whole).strip()
            included = re.match(r"(?:-r|--requirement|-c|--constraint)[\s=]*(\S+)", line)
            if included and line.startswith(("-r", "--r")) and folder and depth < _MAX_DEPTH:
                file = folder / included[1]
                self._need_lines(self._text(str(file)), file.parent, depth + 1)
            elif line and not line.startswith("-"):
                # Options of single requirements, such as hashes, come after them.
                self._need(re.split(r"\s--", line)[0])
            elif re.match(r"(-e|--editable)\b", line) and not re.search(r"[\s=]\.(\[.*\])?$", line):
                self._left_out[line] = None

    def _need(self, text: str, depth: int = 0) -> None:
        try:
            wanted = Requirement(text.strip())
        except InvalidRequirement:
            if text.strip() and not re.match(r"^\.(\[.*\])?$", text.strip()):
                self._left_out[text.strip()[:200]] = None
            return
        if wanted.url:
            self._left_out[str(wanted)[:200]] = None
        elif canonicalize_name(wanted.name) == self._name:
            for extra in wanted.extras:
                for inner in self._extras.get(canonicalize_name(extra), ()):
                    if depth < _MAX_DEPTH:
                        self._need(inner, depth + 1)
        elif wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            self._needed[str(wanted)] = None

    def _chosen(self, groups: dict[str, list[str]]) -> Iterator[str]:
        """Yield the requirements of the groups for tests; without any, of those for development."""
        for names in (_TEST_GROUPS, _DEVELOPMENT_GROUPS):
            found = [name for name in names if groups.get(name)]
            for name in found:
                yield from groups[name]
            if found:
                return

    def _settings(self, name: str) -> configparser.ConfigParser:
        settings = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            settings.read_string(self._text(name))
        except configparser.Error:
            return configparser.ConfigParser()
        return settings

    def _text(self, name: str) -> str:
        """Return a file's text; nothing for one that is missing, large or out of the repository."""
        file = self._root / name
        try:
            if not file.resolve().is_relative_to(self._root.resolve()) or not file.is_file():
                return ""
            if file.stat().st_size > _MAX_BYTES:
                return ""
            return file.read_text("utf-8-sig", errors="replace")
        except (OSError, RuntimeError):
            return ""


def _group(groups: dict[str, Any], name: str, depth: int) -> Iterator[str]:
    for entry in groups.get(name, ()):
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, dict) and depth < _MAX_DEPTH:
            included = canonicalize_name(_string(entry.get("include-group")))
            yield from _group(groups, included, depth + 1)


def _from_poetry(table: dict[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        version = value if isinstance(value, str) else _string(_table(table, name).get("version"))
        text = f"{name}{_specifier(version)}"
        try:
            Requirement(text)
        except InvalidRequirement:
            continue
        yield text


def _specifier(version: str) -> str:
    """Return a version of Poetry's as a specifier: ``^1.2`` allows what begins with the same."""
    parts: list[str] = []
    for part in map(str.strip, version.split(",")):
        if found := re.fullmatch(r"([\^~])\s*(\d+(?:\.\d+)*)\S*", part):
            numbers = [int(number) for number in found[2].split(".")]
            kept = 1 if found[1] == "^" or len(numbers) == 1 else 2
            if found[1] == "^":
                kept = next((i + 1 for i, number in enumerate(numbers) if number), len(numbers))
            upper = [*numbers[: kept - 1], numbers[kept - 1] + 1]
            parts.append(f">={found[2]},<{'.'.join(map(str, upper))}")
        elif part and part != "*":
            parts.append(part if re.match(r"[<>=!~]", part) else f"=={part}")
    return ",".join(parts)


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _strings(value: object) -> list[str]:
    return (
        [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []
    )
