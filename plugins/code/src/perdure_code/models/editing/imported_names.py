"""Names that a change takes out of a module although something uses them from there."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from perdure_code.facts import Fact
from perdure_code.models.editing.edited_repository import EditedRepository, PathRefused
from perdure_code.models.editing.parsing import parsed_or_none
from perdure_code.syntax.languages import PYTHON, language_of
from perdure_code.syntax.parsing import parse_file
from perdure_code.syntax.uses import Uses

# What may name a module's names beside Python files: settings and documents.
_TEXTS: Final = (".cfg", ".ini", ".json", ".md", ".rst", ".toml", ".txt", ".yaml", ".yml")
_MOST_BYTES: Final = 64_000_000


class MissingName(Fact):
    """A name that a file had, and that something still uses.

    Attributes:
        path: The file.
        name: The name; of a class's member with the class before it.
        user: The file that uses it.
        line: Where it does; 0 when it is not known.
    """

    path: str
    name: str
    user: str
    line: int


def missing_names(repository: EditedRepository) -> tuple[MissingName, ...]:
    """Return the names that the changed modules have no more, and that something uses."""
    removed: dict[str, list[str]] = {}
    for path, before, after in _changed_modules(repository):
        gone = set(bound_names(before)) - set(bound_names(after))
        if gone:
            removed[path] = sorted(gone)
    if not removed:
        return ()
    contents = _contents(repository)
    files = {
        path: parse_file(path, PYTHON, content)
        for path, content in contents.items()
        if language_of(path) == PYTHON
    }
    uses = Uses(files, contents)
    return tuple(
        MissingName(path=path, name=name, user=use.path, line=use.line)
        for path, names in removed.items()
        for name in names
        if (use := uses.of(path, name)) is not None
    )


def missing_members(repository: EditedRepository) -> tuple[MissingName, ...]:
    """Return the members that changed classes have no more, and whose names something takes."""
    removed: list[tuple[str, str]] = []
    for path, before, after in _changed_modules(repository):
        removed += [(path, name) for name in sorted(set(_members(before)) - set(_members(after)))]
    found: list[MissingName] = []
    for path, name in removed:
        taken = re.compile(rf"\.{re.escape(name.rpartition('.')[2])}(?!\w)")
        for user in repository.paths():
            line = _first_line(repository, user, taken) if language_of(user) == PYTHON else 0
            if line:
                found.append(MissingName(path=path, name=name, user=user, line=line))
                break
    return tuple(found)


def bound_names(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a module binds at its top level, within ``if`` and ``try`` too."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name.split(".")[0] for alias in names)
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp():
                pass
            case _:
                yield from bound_names(node)


def _members(tree: ast.AST) -> Iterator[str]:
    """Yield what classes bind, each with its class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{name}" for one in node.body for name in _bound_by(one))


def _bound_by(node: ast.stmt) -> Iterator[str]:
    """Yield the names that one statement binds where it stands."""
    yield from bound_names(ast.Module(body=[node], type_ignores=[]))


def _changed_modules(
    repository: EditedRepository,
) -> Iterator[tuple[str, ast.Module, ast.Module]]:
    for path, text in sorted(repository.changed.items()):
        before = parsed_or_none(path, repository.original(path))
        after = parsed_or_none(path, text)
        if before is not None and after is not None:
            yield path, before, after


def _contents(repository: EditedRepository) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    size = 0
    for path in repository.paths():
        if language_of(path) != PYTHON and not path.endswith(_TEXTS):
            continue
        try:
            content = repository.text(path).encode("utf-8", "replace")
        except PathRefused:
            continue
        size += len(content)
        if size > _MOST_BYTES:
            break
        contents[path] = content
    return contents


def _first_line(repository: EditedRepository, path: str, pattern: re.Pattern[str]) -> int:
    try:
        lines = repository.lines(path)
    except PathRefused:
        return 0
    return next((number for number, line in enumerate(lines, 1) if pattern.search(line)), 0)
