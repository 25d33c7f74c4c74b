"""Redacting plain text and Markdown."""

import codecs
from collections import Counter
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_document.facts import Source
from perdure_document.redaction.finder import Finder, replace
from perdure_document.redaction.packages.xml_parts import FILL
from perdure_document.redaction.report import Redaction

_PLAIN_FILL: Final = "XXXXX"
_ROUNDS: Final = 5


def redact_text(source: Source, file: Path, target: Path, finder: Finder) -> Redaction:
    """Write a copy of a text file without what a finder finds, in the same encoding.

    Raises:
        InputError: It has bytes that are no text in its encoding: they cannot be searched.
    """
    try:
        text = file.read_bytes().decode(source.encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{file} has bytes that are no text in {source.encoding}, at {error.start:,}: save it"
            " as UTF-8 first"
        ) from error
    fill = _fill(source.encoding)
    counts: Counter[str] = Counter()
    # What is taken out may join what it stood between.
    for _ in range(_ROUNDS):
        found = finder.find(text, markup=source.kind == "markdown")
        if not found:
            break
        counts.update(one.what for one in found)
        text = replace(text, found, fill)
    target.write_bytes(text.encode(source.encoding))
    return Redaction(counts=dict(counts))


def _fill(encoding: str) -> str:
    try:
        codecs.lookup(encoding).encode(FILL)
    except UnicodeEncodeError:
        return _PLAIN_FILL
    return FILL
