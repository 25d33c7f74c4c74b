"""Choosing what of a repository the goal asks about."""

import ast
import math
import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from perdure_code.explanation.facts import Explained, Overview, Part
from perdure_code.models.editing.edited_repository import EditedRepository, PathRefused
from perdure_code.models.editing.parsing import parsed_or_none
from perdure_code.repository.working_copy import is_test
from perdure_code.syntax.facts import Definition, FileMap, RepositoryMap
from perdure_code.syntax.modules import Modules, imported_files

_MOST_EXPLAINED: Final = 8
_MOST_PARTS: Final = 20
_MOST_USES: Final = 5
_LONGEST: Final = 600
_MOST_LINES: Final = 25
_LEAST_SHARE: Final = 0.4
_NAME_WEIGHT: Final = 3.0
_PATH_WEIGHT: Final = 1.0
_TEXT_WEIGHT: Final = 0.5
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NO_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        "a an and are at be by code do doe explain file for from function get given happen how i"
        " in is it its me of on or please repository set show tell that the there this to use used"
        " what when where which who why will with work you",
    )
)


def overview(root: Path, mapped: RepositoryMap, description: str) -> Overview:
    """Return what of a repository a goal asks about, and which files the others build on.

    Args:
        root: The repository.
        mapped: Its map.
        description: The goal in words.
    """
    repository = EditedRepository(root)
    wanted = set(_words(description)) - _NO_WORDS
    importers = _importers(mapped.files)
    chosen = _chosen(repository, mapped.files, wanted) if wanted else []
    return Overview(
        explained=tuple(_explained(repository, mapped, file, one) for file, one in chosen),
        parts=tuple(_parts(repository, mapped.files, importers)),
        files=sum(total.files for total in mapped.languages.values()),
        lines=sum(total.lines for total in mapped.languages.values()),
    )


def _chosen(
    repository: EditedRepository, files: Sequence[FileMap], wanted: set[str]
) -> list[tuple[FileMap, Definition]]:
    """Return the definitions whose names and docstrings have the goal's words."""
    found: list[tuple[float, FileMap, Definition]] = []
    rarity = Counter(
        word
        for file in files
        for definition in file.definitions
        for word in set(_words(definition.name.rpartition(".")[2])) & wanted
    )
    for file in files:
        in_path = set(_words(file.path)) & wanted
        texts = _docstrings(repository, file) if file.path.endswith(".py") else {}
        for definition in file.definitions:
            owner, _, name = definition.name.rpartition(".")
            in_name = set(_words(name)) & wanted
            in_owner = (set(_words(owner)) & wanted) - in_name
            in_text = set(_words(texts.get(definition.line, ("", 0))[0])) & wanted
            if not in_name and not in_text:
                continue
            score = _NAME_WEIGHT * math.fsum(1 / (1 + math.log(rarity[w])) for w in sorted(in_name))
            score += _PATH_WEIGHT * len((in_path | in_owner) - in_name)
            score += _TEXT_WEIGHT * len(in_text - in_name)
            found.append((score / 2 if is_test(file.path) else score, file, definition))
    found.sort(key=lambda one: (-one[0], one[1].path, one[2].line))
    least = _LEAST_SHARE * found[0][0] if found else 0.0
    return [(file, one) for score, file, one in found[:_MOST_EXPLAINED] if score >= least]


def _explained(
    repository: EditedRepository, mapped: RepositoryMap, file: FileMap, definition: Definition
) -> Explained:
    texts = _docstrings(repository, file) if file.path.endswith(".py") else {}
    used = list(_uses(repository, mapped, file, definition))
    return Explained(
        path=file.path,
        name=definition.name,
        kind=definition.kind,
        line=definition.line,
        end=definition.end,
        signature=definition.signature[:_LONGEST],
        code=_code(repository, file, definition),
        says=texts.get(definition.line, ("", 0))[0],
        used=tuple(used[:_MOST_USES]),
        uses=max(0, len(used) - _MOST_USES),
    )


def _code(repository: EditedRepository, file: FileMap, definition: Definition) -> str:
    """Return the lines of a definition, as many as are easily read."""
    try:
        lines = repository.lines(file.path)[definition.line - 1 : definition.end]
    except PathRefused:
        return ""
    more = "" if len(lines) <= _MOST_LINES else "\n…"
    return textwrap.dedent("\n".join(lines[:_MOST_LINES])) + more


def _uses(
    repository: EditedRepository, mapped: RepositoryMap, file: FileMap, definition: Definition
) -> Iterator[tuple[str, int]]:
    """Yield the lines that have the definition's name, outside of itself; code before tests."""
    name = definition.name.rpartition(".")[2]
    pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for other in sorted(mapped.files, key=lambda one: (is_test(one.path), one.path)):
        try:
            lines = repository.lines(other.path)
        except PathRefused:
            continue
        for number, line in enumerate(lines, start=1):
            inside = other.path == file.path and definition.line <= number <= definition.end
            if not inside and pattern.search(line):
                yield other.path, number


def _importers(files: Sequence[FileMap]) -> dict[str, int]:
    """Return how many files import each Python file."""
    modules = Modules(file.path for file in files)
    by_file: dict[str, set[str]] = defaultdict(set)
    for file in files:
        for _, of_module, submodules in imported_files(file, modules):
            for path in [*of_module, *(path for _, paths in submodules for path in paths)]:
                by_file[path].add(file.path)
    return {path: len(importers - {path}) for path, importers in by_file.items()}


def _parts(
    repository: EditedRepository, files: Sequence[FileMap], importers: dict[str, int]
) -> Iterator[Part]:
    ranked = sorted(
        (file for file in files if not is_test(file.path)),
        key=lambda file: (-importers.get(file.path, 0), -len(file.definitions), file.path),
    )
    for file in ranked[:_MOST_PARTS]:
        texts = _docstrings(repository, file) if file.path.endswith(".py") else {}
        says, line = texts.get(0, ("", 1))
        yield Part(
            path=file.path,
            language=file.language,
            lines=file.lines,
            definitions=len(file.definitions),
            says=says,
            line=line,
            importers=importers.get(file.path, 0),
        )


def _docstrings(repository: EditedRepository, file: FileMap) -> dict[int, tuple[str, int]]:
    """Return first paragraphs of docstrings and their lines, by the line of what has them.

    The module's own is at 0.
    """
    try:
        tree = parsed_or_none(file.path, repository.text(file.path))
    except PathRefused:
        return {}
    found: dict[int, tuple[str, int]] = {}
    for node in ast.walk(tree) if tree is not None else ():
        kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            paragraph = " ".join(text.split("\n\n")[0].split())[:_LONGEST]
            line = 0 if isinstance(node, ast.Module) else node.lineno
            found[line] = (paragraph, node.body[0].lineno)
    return found


def _words(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text):
        word = match[0].casefold()
        yield word.removesuffix("s") if len(word) > 3 else word
