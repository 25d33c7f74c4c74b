"""The linter's safe fixes, as a patch that can be applied in the repository."""

from pathlib import Path
from typing import Final

from perdure_code.repository.unified_diff import Change, difference
from perdure_code.repository.working_copy import copy_of_sources, python_files
from perdure_code.review.facts import Fixes
from perdure_code.review.safe_fixes import apply_safe_fixes

MAX_CHARACTERS: Final = 4 * 1024 * 1024
_WITHHELD: Final = 100


def make_fixes(root: str) -> Fixes:
    """Let ruff fix a copy of a repository, and return what it changed.

    Raises:
        InputError: The repository is too large.
        PermanentError: Ruff is missing or does not work.
    """
    with copy_of_sources(Path(root)) as copy:
        before = _contents(copy)
        withheld = apply_safe_fixes(copy, Path(root))
        after = _contents(copy)
    changes: list[Change] = []
    remaining: list[str] = []
    size = 0
    for path, old in before.items():
        new = after.get(path, old)
        if new == old:
            continue
        change = _change(path, old, new)
        if change is None or size + len(change.text) > MAX_CHARACTERS:
            remaining.append(path)
            continue
        size += len(change.text)
        changes.append(change)
    return Fixes(
        patch="".join(change.text for change in changes),
        files=len(changes),
        added=sum(change.added for change in changes),
        removed=sum(change.removed for change in changes),
        remaining=tuple(remaining),
        withheld=withheld[:_WITHHELD],
    )


def _contents(copy: Path) -> dict[str, bytes]:
    return {file: (copy / file).read_bytes() for file in python_files(copy)}


def _change(path: str, old: bytes, new: bytes) -> Change | None:
    try:
        return difference(path, old.decode(), new.decode())
    except UnicodeDecodeError:
        return None
