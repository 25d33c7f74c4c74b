"""Pages of the web as sources: fetched, kept, read, and known by all their addresses."""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

from perdure.agents import RunCache, WebClient
from perdure_research.reading.reading import Reading
from perdure_research.reading.readings import VERSION, read_bytes
from perdure_research.sources.addresses import canonical_address, page_key, without_trackers
from perdure_research.sources.fetch import fetch
from perdure_research.sources.original import Original
from perdure_research.sources.source import Fact, Location
from perdure_research.sources.text_forms import comparable

_LITTLE_MORE: Final = 1.1
_FEW_CHARACTERS: Final = 200


class ReadPage(Fact):
    """A page that was fetched and read; the journal keeps its text, as the web may not.

    Attributes:
        original: Its addresses, the canonical one first, and the digest of its bytes.
        reading: What was read of it.
    """

    original: Original
    reading: Reading


async def fetch_and_read(location: Location, *, web: WebClient, cache: RunCache) -> ReadPage:
    """Fetch a page and read it; in a step.

    Its bytes are kept in the cache by their digest, and what was read of the same bytes before is
    not read again.

    Args:
        location: Its URL.
        web: What fetches; when it is shared, each site's ``robots.txt`` is read once.
        cache: The run's cache.

    Raises:
        InputError: It may not be fetched, is none, or has no words in it.
        SourceUnreachable: It did not answer now, and may later.
    """
    fetched = await fetch(location.address, web)
    digest = hashlib.sha256(fetched.content).hexdigest()
    suffix = PurePath(urlsplit(fetched.url).path).suffix.lower()

    def read() -> bytes:
        reading = read_bytes(
            location.address,
            fetched.content,
            suffix=suffix,
            media_type=fetched.media_type,
            charset=fetched.charset,
        )
        return reading.model_dump_json().encode("utf-8", "surrogatepass")

    await cache.get_or_make("page", [digest], lambda: fetched.content, version=1)
    key = [digest, fetched.media_type, suffix, fetched.charset]
    kept = await cache.get_or_make("page reading", key, read, version=VERSION)
    reading = Reading.model_validate_json(kept)
    own = canonical_address(fetched.url, reading.canonical)
    addresses = dict.fromkeys(filter(None, (own, without_trackers(fetched.url), location.address)))
    original = Original(
        name=location.name,
        addresses=tuple(addresses),
        sha256=digest,
        size=len(fetched.content),
        reader="page",
    )
    return ReadPage(original=original, reading=reading)


def one_page_each(
    pages: Sequence[ReadPage], indexed: Collection[str] = frozenset()
) -> list[ReadPage]:
    """Return pages of which no two are one: by their addresses, their bytes or their text.

    Of two that are, the longer one stays, with the addresses of both; a page is also one with
    another that holds all its blocks and little more, as the same article on two sites.

    Args:
        pages: The pages, in their order.
        indexed: The digests of those that stay although they are shorter, as they are cited.
    """
    kept: list[ReadPage] = []
    for page in pages:
        same = next((one for one in kept if _are_one(one, page)), None)
        if same is None:
            kept.append(page)
            continue
        stays = same.original.sha256 in indexed or not _longer(page, same)
        first, second = (same, page) if stays else (page, same)
        addresses = dict.fromkeys((*first.original.addresses, *second.original.addresses))
        original = first.original.model_copy(
            update={"addresses": tuple(addresses), "name": same.original.name}
        )
        kept[kept.index(same)] = first.model_copy(update={"original": original})
    return kept


def _longer(page: ReadPage, other: ReadPage) -> bool:
    return len(page.reading.content.text) > len(other.reading.content.text)


def _are_one(first: ReadPage, second: ReadPage) -> bool:
    if first.original.sha256 == second.original.sha256:
        return True
    keys = [set(map(page_key, one.original.addresses)) for one in (first, second)]
    if keys[0] & keys[1]:
        return True
    return _holds(first.reading, second.reading) or _holds(second.reading, first.reading)


def _holds(whole: Reading, part: Reading) -> bool:
    """Say whether a text has every block of another, and little more."""
    length = len(part.content.text)
    if not length <= len(whole.content.text) <= length * _LITTLE_MORE + _FEW_CHARACTERS:
        return False
    return _blocks(part) <= _blocks(whole)


def _blocks(reading: Reading) -> frozenset[str]:
    content = reading.content
    return frozenset(comparable(content.of(block)) for block in content.blocks)
