"""The map of a repository: every source file in a language that is understood."""

from collections import Counter
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_code.repository.working_copy import walk
from perdure_code.syntax.facts import FileMap, LanguageTotal, RepositoryMap
from perdure_code.syntax.languages import language_of
from perdure_code.syntax.parsing import parse_file

MOST_BYTES: Final = 2_000_000
_MOST_DEFINITIONS: Final = 20_000
_MOST_FILES: Final = 10_000


def map_repository(root: str) -> RepositoryMap:
    """Read the source files of a repository.

    Files above 2 MB are no work of hands and left out. Of the longest repositories the definitions
    of the last files are left out, so that the map stays a few megabytes.

    Args:
        root: Its folder.

    Raises:
        InputError: There are too many files, or none in a language that is understood.
    """
    files: list[FileMap] = []
    totals: dict[str, list[int]] = {}
    definitions = left_out = 0
    for path, entry in walk(Path(root)):
        language = language_of(path)
        if not language or entry.is_symlink():
            continue
        content = _read(Path(entry.path))
        if content is None:
            continue
        found = parse_file(path, language, content)
        totals.setdefault(language, []).append(found.lines)
        definitions += len(found.definitions)
        if definitions > _MOST_DEFINITIONS or len(files) >= _MOST_FILES:
            left_out += 1
            found = found.model_copy(update={"definitions": (), "remarks": ()})
        if len(files) < _MOST_FILES:
            files.append(found)
    if not files:
        raise InputError(
            f"folder {root} holds no Python file, nor one in another language that is understood"
            " (JavaScript, TypeScript, Go, Rust, Java): pass the folder of a repository"
        )
    lines = Counter({language: sum(counts) for language, counts in totals.items()})
    return RepositoryMap(
        files=tuple(files),
        languages={
            language: LanguageTotal(files=len(totals[language]), lines=count)
            for language, count in sorted(lines.items(), key=lambda one: (-one[1], one[0]))
        },
        left_out=left_out,
    )


def _read(file: Path) -> bytes | None:
    try:
        if file.stat().st_size > MOST_BYTES:
            return None
        return file.read_bytes()
    except OSError:
        return None
