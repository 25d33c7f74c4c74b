"""Who uses a name of a Python module from outside of it, or in a way that no import shows.

An import that its own module does not use may be what other modules take from there. What speaks
for that is collected broadly: a fix that is withheld costs nothing, one that breaks an importer
does.
"""

import ast
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from perdure_code.facts import Fact
from perdure_code.syntax.facts import FileMap, Import
from perdure_code.syntax.modules import Modules, imported_files

_TREES: Final = 32
_DYNAMIC: Final = {"getattr", "hasattr", "vars", "dir", "attrgetter", "getmembers"}


class Use(Fact):
    """A place that uses a name of a module.

    Attributes:
        path: The file, relative to the repository.
        line: From 1; 0 when it is not known.
        how: What it does there, a part of a sentence: ``imports it from there``.
    """

    path: str
    line: int
    how: str


@dataclass
class _Importer:
    """How one file knows another: the names bound to the module, and what it takes of it."""

    path: str
    aliases: dict[str, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    star: int = 0


class Uses:
    """The uses of names across a repository's Python files, and in its other texts."""

    def __init__(self, files: Mapping[str, FileMap], contents: Mapping[str, bytes]) -> None:
        """Find who imports whom.

        Args:
            files: The Python files, by path.
            contents: These, and the texts that may name modules: settings, documents.
        """
        self._contents = contents
        self._modules = Modules(files)
        self._importers: dict[str, dict[str, _Importer]] = defaultdict(dict)
        self._trees: dict[str, ast.Module | None] = {}
        self._hidden: dict[str, _Hidden] = {}
        self._mentions: dict[str, list[str]] = {}
        for file in files.values():
            for one, meant, submodules in imported_files(file, self._modules):
                self._note(file.path, one, meant, submodules)

    def importers(self, path: str) -> set[str]:
        """Return the files that import a file's module, or something from it."""
        return set(self._importers.get(path, ()))

    def of(self, path: str, name: str) -> Use | None:
        """Return a place that uses a name of a file's module, the plainest first; or none."""
        return next(self._uses(path, name, set()), None)

    def _uses(self, path: str, name: str, seen: set[str]) -> Iterator[Use]:
        if path in seen:
            return
        seen.add(path)
        importers = sorted(self._importers.get(path, {}).values(), key=lambda one: one.path)
        for importer in importers:
            if name in importer.names:
                line = importer.names[name]
                yield Use(path=importer.path, line=line, how="imports it from there")
        for importer in importers:
            yield from self._by_alias(importer, name)
            if importer.star:
                yield from self._by_star(importer, name, seen)
        yield from self._by_loading(path, name)
        yield from self._by_text(path, name)
        yield from self._as_fixture(path, name)
        yield from self._within(path, name)

    def _note(
        self, path: str, one: Import, meant: list[str], submodules: list[tuple[str, list[str]]]
    ) -> None:
        for target in meant:
            importer = self._importer(target, path)
            if not one.names:
                alias = one.alias or one.module
                importer.aliases.setdefault(alias, one.line)
            for name in one.names:
                if name == "*":
                    importer.star = one.line
                else:
                    importer.names.setdefault(name, one.line)
        for name, files in submodules:
            for target in files:
                self._importer(target, path).aliases.setdefault(one.alias or name, one.line)

    def _importer(self, target: str, path: str) -> _Importer:
        return self._importers[target].setdefault(path, _Importer(path))

    def _by_alias(self, importer: _Importer, name: str) -> Iterator[Use]:
        """Through the module: ``c.loads``, ``getattr(c, "loads")``, or the module handed on."""
        if not importer.aliases:
            return
        tree = self._tree(importer.path)
        if tree is None:
            if name.encode() in self._contents[importer.path]:
                yield Use(path=importer.path, line=0, how="imports the module and has the name")
            return
        aliases = set(importer.aliases)
        inside: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                inside.add(id(node.value))
                if node.attr == name and _dotted(node.value) in aliases:
                    yield Use(path=importer.path, line=node.lineno, how="takes it from the module")
            elif isinstance(node, ast.Call) and _last(node.func) in _DYNAMIC:
                first = node.args[0] if node.args else None
                names = [arg.value for arg in node.args[1:] if isinstance(arg, ast.Constant)]
                if _dotted(first) in aliases:
                    inside.add(id(first))
                    if name in names or not names:
                        yield Use(
                            path=importer.path, line=node.lineno, how="looks it up by its name"
                        )
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Name)
                and isinstance(node.ctx, ast.Load)
                and id(node) not in inside
                and node.id in aliases
            ):
                yield Use(path=importer.path, line=node.lineno, how="hands the module on")

    def _by_star(self, importer: _Importer, name: str, seen: set[str]) -> Iterator[Use]:
        """Through ``import *``: used in the file itself, or taken from that in turn."""
        content = self._contents[importer.path]
        if re.search(rb"\b" + re.escape(name.encode()) + rb"\b", content):
            yield Use(path=importer.path, line=importer.star, how="imports everything from there")
        for use in self._uses(importer.path, name, seen):
            yield use.model_copy(update={"how": f"{use.how}, through {importer.path}"})

    def _mentioning(self, module: str) -> list[str]:
        """Return the files that have a module's name somewhere."""
        if module not in self._mentions:
            name = module.encode()
            self._mentions[module] = [
                path for path, content in self._contents.items() if name in content
            ]
        return self._mentions[module]

    def _by_loading(self, path: str, name: str) -> Iterator[Use]:
        """Through the module that is loaded by its name: ``import_module("pkg.compat").loads``."""
        word = re.compile(rb"\b" + re.escape(name.encode()) + rb"\b")
        for module in self._modules.names(path):
            quoted = re.compile(rb"""(['"])""" + re.escape(module.encode()) + rb"""\1""")
            for other in self._mentioning(module):
                content = self._contents[other]
                if other == path or not other.endswith((".py", ".pyi")):
                    continue
                if not word.search(content):
                    continue
                found = quoted.search(content)
                if found:
                    line = content.count(b"\n", 0, found.start()) + 1
                    yield Use(path=other, line=line, how="loads the module by its name")

    def _by_text(self, path: str, name: str) -> Iterator[Use]:
        """By a dotted name in a text: an entry point, a patch of a test, a document."""
        for module in self._modules.names(path):
            if "." not in module and len(module) < 3:
                continue
            pattern = re.compile(
                rb"(?<![\w.])"
                + re.escape(module.encode())
                + rb"\s*[.:]\s*"
                + re.escape(name.encode())
                + rb"\b"
            )
            for other in self._mentioning(module):
                if other == path:
                    continue
                content = self._contents[other]
                found = pattern.search(content)
                if found:
                    line = content.count(b"\n", 0, found.start()) + 1
                    yield Use(path=other, line=line, how=f"names it as {module}.{name}")

    def _as_fixture(self, path: str, name: str) -> Iterator[Use]:
        """As a fixture of pytest, which a test asks for by a parameter's name."""
        file = path.rpartition("/")[2]
        folder = path.removesuffix(file)
        if file == "conftest.py":
            places = [one for one in self._contents if one.startswith(folder)]
        elif file.startswith("test_") or file.endswith("_test.py"):
            places = [path]
        elif self._is_pytest_plugin(path):
            places = list(self._contents)
        else:
            return
        word = re.compile(
            rb"(def \w+\s*\([^)]*\b"
            + re.escape(name.encode())
            + rb"\b)|(usefixtures\([^)]*['\"]"
            + re.escape(name.encode())
            + rb"['\"])"
        )
        for other in places:
            found = word.search(self._contents[other]) if other.endswith(".py") else None
            if found:
                line = self._contents[other].count(b"\n", 0, found.end()) + 1
                yield Use(path=other, line=line, how="asks for it as a fixture")

    def _is_pytest_plugin(self, path: str) -> bool:
        """Whether a file is named as one of pytest's plugins, by a conftest or an entry point."""
        names = [name.encode() for name in self._modules.names(path)]
        return any(
            (b"pytest_plugins" in content or b"pytest11" in content)
            and any(name in content for name in names)
            for other, content in self._contents.items()
            if other != path
        )

    def _within(self, path: str, name: str) -> Iterator[Use]:
        """In the file itself where no linter looks: in texts that are run, and by look-up."""
        if path not in self._hidden:
            self._hidden[path] = _Hidden(self._tree(path))
        hidden = self._hidden[path]
        for line, text in hidden.texts:
            if text == name or (
                ">>>" in text and re.search(rf"\b{re.escape(name)}\b", text) is not None
            ):
                yield Use(path=path, line=line, how="has its name in a text")
        for line, how in hidden.lookups:
            yield Use(path=path, line=line, how=how)

    def _tree(self, path: str) -> ast.Module | None:
        if path not in self._trees:
            if len(self._trees) >= _TREES:  # a tree is some fifty times as large as its text
                del self._trees[next(iter(self._trees))]
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self._trees[path] = ast.parse(self._contents[path])
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                self._trees[path] = None
        return self._trees[path]


class _Hidden:
    """Where a module may use its own names in a way that no linter sees.

    Attributes:
        texts: The line and the value of each text that may be a name, or has a doctest.
        lookups: The line of each look-up of names that are not known, and what it does.
    """

    def __init__(self, tree: ast.Module | None) -> None:
        self.texts: list[tuple[int, str]] = []
        self.lookups: list[tuple[int, str]] = []
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if node.value.isidentifier() or ">>>" in node.value:
                    self.texts.append((node.lineno, node.value))
            elif isinstance(node, ast.Call) and _last(node.func) in {"eval", "exec"}:
                self.lookups.append((node.lineno, "runs code that is a text"))
            elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call):
                dynamic = _last(node.value.func) in {"globals", "locals", "vars"}
                if dynamic and not isinstance(node.slice, ast.Constant):
                    self.lookups.append((node.lineno, "looks names up as they come"))
        for node in tree.body if tree else ():
            if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
                self.lookups.append((node.lineno, "gives out names as they come"))


def _dotted(node: ast.AST | None) -> str:
    """Return ``a.b.c`` for such an expression; empty for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        value = _dotted(node.value)
        return f"{value}.{node.attr}" if value else ""
    return ""


def _last(node: ast.AST) -> str:
    return _dotted(node).rpartition(".")[2]
