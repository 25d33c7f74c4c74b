"""What most of a source's text is: prose, a list, a table, a changelog or code."""

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from perdure_research.sources.source import SourceKind, SourceText

_NAME: Final = re.compile(
    r"^(?:change[-_ ]?log|changes?|history|news|release[-_ ]?notes?|releases?|whats?[-_ ]?new)"
    r"(?:[-_. ][\w.-]*)?$",
    re.IGNORECASE,
)
_RELEASE: Final = re.compile(
    r"^\W*(?:v(?:ersion)?\.?\s*|release\s+|[\w-]+\s+v?)?\d+\.\d+(?:\.\d+)?\S*"
    r"(?:\s*[-–—(:,]?\s*(?:\(?(?:19|20)\d\d\b.*|unreleased.*|\w+ \d.*)?)?$",  # noqa: RUF001
    re.IGNORECASE,
)
_TITLE: Final = re.compile(
    r"^\W*(?:change ?log|release notes?|changes|version history|what'?s new)\b", re.IGNORECASE
)
_CODE_SUFFIXES: Final = frozenset(
    """
    .py .js .ts .go .rs .java .c .h .cc .cpp .hpp .cs .rb .php .sh .sql .json .yaml .yml .toml .xml
    .ini .cfg .css .scss .lock .kt .swift .scala .pl .lua .r .jl .ipynb
    """.split()  # noqa: SIM905 -- one name a line reads worse
)
_MOST: Final = 0.6
_FEWEST_RELEASES: Final = 2


def kind_of(content: SourceText, name: str, title: str) -> SourceKind:
    """Say what most of a source is.

    Args:
        content: Its text.
        name: Its path or URL.
        title: What it calls itself.
    """
    path = PurePosixPath(urlsplit(name).path if "://" in name else name)
    characters: Counter[str] = Counter()
    for block in content.blocks:
        characters[block.form] += block.end - block.start
    whole = characters.total() - characters["heading"] or 1
    if path.suffix.lower() in _CODE_SUFFIXES or characters["code"] >= _MOST * whole:
        return "code"
    headings = [content.of(block) for block in content.blocks if block.form == "heading"]
    releases = sum(1 for one in headings if _RELEASE.match(" ".join(one.split())))
    named = _NAME.match(path.stem) or _TITLE.match(title)
    if releases >= _FEWEST_RELEASES and (named or releases >= len(headings) / 2):
        return "changelog"
    if named and _NAME.match(path.stem) and characters["item"] >= whole / 2:
        return "changelog"
    if characters["row"] >= _MOST * whole:
        return "table"
    return "list" if characters["item"] >= _MOST * whole else "prose"
