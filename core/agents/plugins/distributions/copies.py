"""Of several copies of one distribution, the one that is imported.

An upgrade that was interrupted, a second folder on ``sys.path`` or a name spelled in another way
leaves two folders of metadata for one distribution, and one of them is of code that is not used.
"""

import base64
import csv
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.version import InvalidVersion, Version

from perdure.agents.plugins.distributions.candidate import Candidate
from perdure.agents.plugins.distributions.module_origin import comes_from, find_module, module_file


@dataclass(frozen=True, slots=True)
class Copy:
    """One of the folders of metadata of a distribution.

    Attributes:
        candidate: What it says.
        read_text: Returns the text of one of its files; ``None`` when that is not there.
    """

    candidate: Candidate
    read_text: Callable[[str], str | None]

    @property
    def folder(self) -> str:
        """The folder in which the distribution is installed."""
        return os.path.dirname(self.candidate.metadata)  # noqa: PTH120 -- a Path takes longer

    @property
    def is_left_over(self) -> bool:
        """Whether it is all that is left of what is installed no longer."""
        # pip renames what it is about to remove, and puts the tilde in front.
        return not self.candidate.module or Path(self.candidate.metadata).name.startswith("~")


def choose_copy(copies: Sequence[Copy]) -> Candidate:
    """Return the copy of a distribution that is imported, warned of the others.

    Args:
        copies: All copies, in the order of ``sys.path``.
    """
    if len(copies) == 1:
        return copies[0].candidate
    places = {os.path.realpath(one.candidate.metadata): one for one in reversed(copies)}
    copies = list(reversed(places.values()))
    whole = [one for one in copies if not one.is_left_over]
    if not whole:
        return copies[0].candidate
    chosen = _imported(whole)
    left_over = [one.candidate.metadata for one in copies if one.is_left_over]
    warnings = [
        f"{place} is left over from another installation of it: delete that folder"
        for place in left_over
    ]
    if _are_different(whole):
        listed = " and ".join(
            f"{one.candidate.spelling} {one.candidate.version} ({one.candidate.metadata})"
            for one in whole
        )
        warnings.append(
            f"it is installed {len(whole)} times, {listed}, and"
            f" {chosen.candidate.spelling} {chosen.candidate.version} is used: uninstall the"
            f" {'other' if len(whole) == 2 else 'others'}"
        )
    return replace(chosen.candidate, warnings=tuple(warnings))


def _are_different(copies: Sequence[Copy]) -> bool:
    """Return whether it matters which is used; a clone has metadata both there and installed."""
    says = {(one.candidate.spelling, one.candidate.version, one.candidate.module) for one in copies}
    with_code = [one for one in copies if module_file(one.candidate.module, one.folder)]
    return len(copies) > 1 and (len(says) > 1 or len(with_code) > 1)


def _imported(copies: Sequence[Copy]) -> Copy:
    if len(copies) == 1:
        return copies[0]
    beside = [one for one in copies if comes_from(one.candidate.module, one.folder)]
    if len(beside) > 1 and len({(one.folder, one.candidate.module) for one in beside}) == 1:
        return min(beside, key=lambda one: (_changed_files(one), _newest_first(one)))
    return (beside or [one for one in copies if _is_editable_source(one)] or copies)[0]


def _changed_files(copy: Copy) -> float:
    """Return how many files of its module are not as its RECORD says; infinite without one."""
    package = copy.candidate.module.partition(".")[0]
    changed: float = 0
    try:
        rows = [row for row in csv.reader((copy.read_text("RECORD") or "").splitlines()) if row]
    except (OSError, ValueError, csv.Error):
        rows = []
    rows = [row for row in rows if PurePosixPath(row[0]).parts[0] in {package, f"{package}.py"}]
    for path, digest, *_ in (row for row in rows if len(row) > 1 and row[1]):
        algorithm, _, expected = digest.partition("=")
        try:
            content = Path(copy.folder, path).read_bytes()
            actual = hashlib.new(algorithm, content, usedforsecurity=False).digest()
        except (OSError, ValueError):
            changed += 1
            continue
        changed += base64.urlsafe_b64encode(actual).decode().rstrip("=") != expected
    return changed if rows else float("inf")


def _newest_first(copy: Copy) -> tuple[int, ...]:
    try:
        return tuple(-part for part in Version(copy.candidate.version).release)
    except InvalidVersion:
        return (1,)


def _is_editable_source(copy: Copy) -> bool:
    """Return whether it was installed editable from the folder that its module comes from."""
    spec = find_module(copy.candidate.module)
    try:
        url = json.loads(copy.read_text("direct_url.json") or "{}")["url"]
        source = Path(url2pathname(urlsplit(url).path)).resolve()
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return any(source in Path(place).resolve().parents for place in _places(spec))


def _places(spec: object) -> list[str]:
    origin = getattr(spec, "origin", None)
    folders = getattr(spec, "submodule_search_locations", None) or ()
    return [*folders, origin] if origin else list(folders)
