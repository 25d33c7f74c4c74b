"""Describing what was read as a source."""

import hashlib

from perdure_research.reading.about.dates import date_in_address
from perdure_research.reading.about.kinds import kind_of
from perdure_research.reading.reading import Reading, count_words
from perdure_research.sources.original import Original
from perdure_research.sources.source import Source
from perdure_research.sources.text_forms import comparable

_ID_DIGITS = 16


def describe(original: Original, reading: Reading) -> Source:
    """Return the source that an original and its reading are."""
    text = reading.content.text
    sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    # The same text in another form, such as with other line ends, is the same source.
    identity = hashlib.sha256(comparable(text).encode("utf-8", "surrogatepass")).hexdigest()
    title = " ".join(reading.title.split())
    return Source(
        id=identity[:_ID_DIGITS],
        name=original.name,
        addresses=original.addresses,
        title=title or original.name,
        site=reading.site,
        date=reading.date or date_in_address(original.addresses[0]),
        sha256=sha256,
        content_sha256=original.sha256,
        kind=kind_of(reading.content, original.addresses[0], title),
        format=reading.format,
        words=count_words(text),
        characters=len(text),
        unread_pages=reading.unread_pages,
        notes=reading.notes,
        cut=reading.cut,
    )
