"""What a model reads of a repository: lines, places of a text, an outline; each of bounded size."""

from collections.abc import Iterator
from typing import Final

from perdure_code.models.editing.edited_repository import EditedRepository, PathRefused
from perdure_code.syntax.languages import language_of
from perdure_code.syntax.parsing import parse_file

MOST_LINES: Final = 160
_MOST_CHARACTERS: Final = 8_000
_LONGEST_LINE: Final = 300
_MOST_HITS: Final = 40
_LONGEST_SEARCH: Final = 200
_MOST_SEARCHED: Final = 64 * 1024 * 1024
_MOST_LISTED: Final = 150
_INDENT: Final = "  "
_LONGEST_HEAD: Final = 100


def read_lines(repository: EditedRepository, path: str, first: int, last: int) -> str:
    """Return lines of a file with their numbers, or why there are none."""
    try:
        lines = repository.lines(path)
    except PathRefused as refusal:
        return f"Refused: {refusal}."
    if not lines:
        return f"{path} is empty."
    begin = min(max(first, 1), len(lines))
    end = min(max(last, begin) if last > 0 else len(lines), begin + MOST_LINES - 1, len(lines))
    shown, size = [], 0
    for number in range(begin, end + 1):
        line = f"{number:>5}| {_cut(lines[number - 1])}"
        size += len(line)
        if size > _MOST_CHARACTERS:
            break
        shown.append(line)
    head = f"{path}, lines {begin} to {begin + len(shown) - 1} of {len(lines)}:"
    return "\n".join([head, *shown])


def search_text(repository: EditedRepository, text: str, folder: str) -> str:
    """Return the lines that hold a text, as ``path:line: text``, or that there are none."""
    if not text.strip() or len(text) > _LONGEST_SEARCH or "\n" in text:
        return f"Refused: search for one to {_LONGEST_SEARCH} characters of one line."
    hits: list[str] = []
    searched = total = 0
    for path, lines in _files(repository, folder):
        searched += sum(map(len, lines))
        for number, line in enumerate(lines, start=1):
            if text in line:
                total += 1
                if len(hits) < _MOST_HITS:
                    hits.append(f"{path}:{number}: {_cut(line.strip())}")
        if searched > _MOST_SEARCHED:
            break
    if not hits:
        return "It stands in no file that can be read; letters' case counts."
    more = f"… and {total - len(hits)} more: search for more of it." if total > len(hits) else ""
    return _cut_whole("\n".join(filter(None, [*hits, more])))


def show_outline(repository: EditedRepository, folder: str) -> str:
    """Return the files below a folder, and what they define, with lines."""
    paths = [path for path in repository.paths() if _is_below(path, folder)]
    if not paths:
        return f"There is no file below {folder[:80]!r}."
    listed: list[str] = []
    for path in paths[:_MOST_LISTED]:
        try:
            text = repository.text(path)
        except PathRefused:
            continue
        listed.append(f"{path} ({len(text.splitlines())} lines)")
        listed += _defined(path, text)
    if len(paths) > _MOST_LISTED:
        listed.append(f"… and {len(paths) - _MOST_LISTED} more files: name a folder.")
    return _cut_whole("\n".join(listed))


def _files(repository: EditedRepository, folder: str) -> Iterator[tuple[str, list[str]]]:
    for path in repository.paths():
        if not _is_below(path, folder):
            continue
        try:
            yield path, repository.lines(path)
        except PathRefused:
            continue


def _is_below(path: str, folder: str) -> bool:
    wanted = folder.strip().removeprefix("./").strip("/")
    return wanted in {"", "."} or path == wanted or path.startswith(f"{wanted}/")


def _defined(path: str, text: str) -> list[str]:
    """Return what a file defines, a line each, what is in something further in."""
    language = language_of(path)
    if not language:
        return []
    definitions = parse_file(path, language, text.encode("utf-8", "replace")).definitions
    return [
        f"{_INDENT * (1 + one.name.count('.'))}{one.line}: {_cut(one.signature, _LONGEST_HEAD)}"
        for one in definitions
    ]


def _cut(line: str, most: int = _LONGEST_LINE) -> str:
    return line if len(line) <= most else f"{line[:most]}…"


def _cut_whole(text: str) -> str:
    if len(text) <= _MOST_CHARACTERS:
        return text
    kept = text[:_MOST_CHARACTERS].rpartition("\n")[0]
    return f"{kept}\n… and more: name a folder."
