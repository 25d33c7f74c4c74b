"""Edits by search and replace: what is replaced must stand there, and the result must parse."""

import re
from bisect import bisect_right
from typing import Final

from perdure_code.facts import Fact
from perdure_code.models.editing.edited_repository import (
    MOST_BYTES,
    EditedRepository,
    PathRefused,
    plain_path,
)
from perdure_code.models.editing.parsing import syntax_error
from perdure_code.models.editing.permissions import Purpose, refuse_change
from perdure_code.models.editing.reach import refuse_new_reach
from perdure_code.models.editing.weakened_tests import refuse_weaker_tests
from perdure_code.repository.working_copy import is_test

MOST_SEARCHED: Final = 4_000
MOST_WRITTEN: Final = 12_000
_NAMED_LINES: Final = 10
_LONE_LINE_FEED: Final = re.compile(r"(?<!\r)\n")


class Edited(Fact):
    """What became of an edit.

    Attributes:
        path: The file.
        text: Its whole text after the edit; ``None`` where the edit was refused.
        base: The digest of the file before any edit; empty for a new file.
        first: The first line that was written, from 1; 0 where none was.
        last: The last one.
        refusal: Why it was refused, for who wrote it; empty where it was not.
        note: What is still wrong with the file.
    """

    path: str
    text: str | None = None
    base: str = ""
    first: int = 0
    last: int = 0
    refusal: str = ""
    note: str = ""


def replace_text(
    repository: EditedRepository,
    purpose: Purpose,
    path: str,
    search: str,
    replace: str,
    line: int | None,
) -> Edited:
    """Replace one passage of a file.

    Args:
        repository: The files.
        purpose: What the edit is for, which says which files may be changed.
        path: The file.
        search: The passage, letter by letter.
        replace: What takes its place; empty to delete it.
        line: The line on which the passage begins, where it stands there more than once.
    """
    try:
        plain = plain_path(path)
        is_new = repository.original(plain) is None
        before = repository.text(plain)
        refuse_change(plain, purpose, is_new=is_new)
        begin, end, written = _replacement(before, search, replace, line)
        after = before[:begin] + written + before[end:]
        note = _refuse_broken(plain, before, after)
        _refuse_harm(repository, plain, after)
    except PathRefused as refusal:
        return Edited(path=path[:400], refusal=str(refusal))
    first = before.count("\n", 0, begin) + 1
    last = first + written.removesuffix("\n").count("\n")
    return Edited(
        path=plain,
        text=after,
        base=repository.base_digest(plain),
        first=first,
        last=last,
        note=note,
    )


def add_file(repository: EditedRepository, purpose: Purpose, path: str, content: str) -> Edited:
    """Add a file that is not there yet.

    Args:
        repository: The files.
        purpose: What it is for.
        path: The new file.
        content: Its whole text.
    """
    try:
        plain = plain_path(path)
        in_package = _is_in_package(repository, plain)
        refuse_change(plain, purpose, is_new=True, is_in_package=in_package)
        _refuse_taken(repository, plain)
        _refuse_length(content)
        text = content if content.endswith("\n") else f"{content}\n"
        _refuse_broken(plain, "", text)
        _refuse_harm(repository, plain, text)
    except PathRefused as refusal:
        return Edited(path=path[:400], refusal=str(refusal))
    return Edited(path=plain, text=text, first=1, last=text.count("\n"))


def _replacement(text: str, search: str, replace: str, line: int | None) -> tuple[int, int, str]:
    """Return where the passage begins and ends, and what is written there."""
    if not search.strip():
        raise PathRefused("search is empty: give the passage that is to be replaced")
    if len(search) > MOST_SEARCHED or len(replace) > MOST_WRITTEN:
        raise PathRefused(
            f"at most {MOST_SEARCHED:,} characters are replaced by at most {MOST_WRITTEN:,} in one"
            " edit: make smaller edits"
        )
    wanted, written = (_with_line_ends_of(text, one) for one in (search, replace))
    if wanted == written:
        raise PathRefused("search and replace are the same: nothing would change")
    begins = _occurrences(text, wanted)
    if not begins:
        raise PathRefused(f"search does not stand in the file{_nearest(text, wanted)}")
    starts = [match.end() for match in re.finditer("\n", text)]
    lines = [bisect_right(starts, begin) + 1 for begin in begins]
    if line is not None:
        begins = [begin for begin, on in zip(begins, lines, strict=True) if on == line]
        if not begins:
            raise PathRefused(f"search does not begin on line {line}, but on {_named(lines)}")
    if len(begins) > 1:
        raise PathRefused(
            f"search stands there {len(begins)} times, on {_named(lines)}: give more of what stands"
            " around it, or the line"
        )
    return begins[0], begins[0] + len(wanted), written


def _with_line_ends_of(text: str, written: str) -> str:
    """Write line ends as a file has them: models write line feeds."""
    plain = written.replace("\r\n", "\n")
    if "\r\n" in text and not _LONE_LINE_FEED.search(text):
        return plain.replace("\n", "\r\n")
    return plain if "\r\n" not in text else written


def _occurrences(text: str, wanted: str) -> list[int]:
    """Return where a passage stands, overlapping ones too: either could be meant."""
    found, begin = [], text.find(wanted)
    while begin >= 0:
        found.append(begin)
        begin = text.find(wanted, begin + 1)
    return found


def _nearest(text: str, wanted: str) -> str:
    """Say where it stands but for white space, which is the usual slip."""
    flat = [" ".join(line.split()) for line in wanted.strip().splitlines()]
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for number in range(len(lines) - len(flat) + 1):
        if lines[number : number + len(flat)] == flat:
            return f"; it does on line {number + 1}, with other white space: copy it from there"
    return ": read the lines and copy them letter by letter"


def _named(lines: list[int]) -> str:
    more = ", …" if len(lines) > _NAMED_LINES else ""
    named = ", ".join(map(str, sorted(set(lines))[:_NAMED_LINES]))
    return f"line{'s' if len(lines) > 1 else ''} {named}{more}"


def _refuse_broken(path: str, before: str, after: str) -> str:
    """Refuse what does not parse any more; say it of what never did."""
    if len(after.encode("utf-8", "replace")) > MOST_BYTES:
        raise PathRefused(f"{path} would become larger than {MOST_BYTES // 1024} KiB")
    try:
        after.encode()
    except UnicodeEncodeError:
        raise PathRefused("what is written is no text that a file can hold") from None
    error = syntax_error(path, after)
    if not error:
        return ""
    if syntax_error(path, before):
        return f"{path} did not parse before, and does not yet: {error}"
    raise PathRefused(f"{path} would not parse any more: {error}")


def _refuse_harm(repository: EditedRepository, path: str, after: str) -> None:
    original = repository.original(path)
    refuse_new_reach(path, original or "", after)
    if original is not None and is_test(path):
        refuse_weaker_tests(path, original, after)


def _is_in_package(repository: EditedRepository, path: str) -> bool:
    """Say whether the outermost package of a file is one of the repository's."""
    folders = path.removeprefix("src/").split("/")[:-1]
    start = "src/" if path.startswith("src/") else ""
    if not folders or is_test(path):
        return False
    return any(one.startswith(f"{start}{folders[0]}/") for one in repository.paths())


def _refuse_length(content: str) -> None:
    if not content.strip() or len(content) > MOST_WRITTEN:
        raise PathRefused(f"a new file has up to {MOST_WRITTEN:,} characters, and not none")


def _refuse_taken(repository: EditedRepository, path: str) -> None:
    """Refuse a new file that is there, or that would lie in a file or behind a link."""
    if path in repository.changed:
        raise PathRefused(f"{path} is there: edit it")
    place = repository.root
    for part in path.split("/")[:-1]:
        place /= part
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise PathRefused(f"{path} cannot be added: {part} is no folder")
    place /= path.rpartition("/")[2]
    if place.is_symlink() or place.exists():
        raise PathRefused(f"{path} is there: edit it")
    folded = path.casefold()
    taken = next((one for one in repository.paths() if one.casefold() == folded), None)
    if taken is not None:
        raise PathRefused(f"{path} differs from {taken} in case alone: choose another name")
