"""What a web page says of itself: its title, its date, its address."""

import json
import re
from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from perdure_research.reading.about.dates import iso_date
from perdure_research.reading.web.visibility import Element

_CHANGED: Final = frozenset(
    {"article:modified_time", "og:updated_time", "last-modified", "dcterms.modified", "revised"}
)
_PUBLISHED: Final = frozenset(
    {
        *("article:published_time", "date", "dc.date", "dc.date.issued", "dcterms.date"),
        *("dcterms.created", "dcterms.issued", "pubdate", "publishdate", "publication_date"),
        *("citation_publication_date", "citation_date", "parsely-pub-date", "sailthru.date"),
        *("datepublished", "datemodified", "og:pubdate"),
    }
)
_SITE: Final = re.compile(r"\s+[|·•–—-]\s+[^|·•–—]{2,40}$")  # noqa: RUF001


def title_of(tree: Element) -> str:
    """Return a page's title; that of its heading where the two begin the same."""
    title = " ".join(tree.xpath("string(//head/title|//title)").split())
    named = {name: value for name, value in _meta(tree) if name in {"og:title", "dc.title"}}
    title = title or named.get("og:title", "") or named.get("dc.title", "")
    headings = [" ".join("".join(one.itertext()).split()) for one in tree.iter("h1")]
    if len(headings) == 1 and headings[0] and title.startswith(headings[0]):
        return headings[0]
    return _SITE.sub("", title) or (headings[0] if headings else "")


def site_of(tree: Element, title: str) -> str:
    """Return whose page it is, as its title says behind a bar or dash; empty if it does not.

    Args:
        tree: The page.
        title: Its title, as :func:`title_of` returns it.
    """
    named = dict(_meta(tree)).get("og:site_name", "")
    whole = " ".join(tree.xpath("string(//head/title|//title)").split())
    behind = _SITE.search(whole)
    said = behind.group().strip(" |·•–—-") if behind else ""  # noqa: RUF001
    return next((one for one in (named, said) if one and one.lower() not in title.lower()), "")


def date_of(tree: Element) -> str:
    """Return when a page says it was changed last, or else published; empty if it does not."""
    values = list(_meta(tree))
    structured = list(_structured(tree))
    changed = [value for name, value in values if name in _CHANGED]
    changed += [value for name, value in structured if name == "dateModified"]
    published = [value for name, value in values if name in _PUBLISHED]
    published += [value for name, value in structured if name == "datePublished"]
    published += [one.get("datetime") or "" for one in tree.iter("time")][:1]
    for candidates in (changed, published):
        if dates := [found for found in map(iso_date, candidates) if found]:
            return max(dates)
    return ""


def canonical_of(tree: Element) -> str:
    """Return the address that a page gives as its own; empty when it gives none."""
    for link in tree.iter("link"):
        if "canonical" in (link.get("rel") or "").lower().split():
            return (link.get("href") or "").strip()
    return ""


def _meta(tree: Element) -> Iterator[tuple[str, str]]:
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop") or ""
        if name and meta.get("content"):
            yield name.lower(), " ".join(meta.get("content").split())


def _structured(tree: Element) -> Iterator[tuple[str, str]]:
    """Yield the dates in a page's JSON-LD."""
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or ""):
            try:
                yield from _dates(json.loads(script.text or ""), 0)
            except (ValueError, RecursionError):
                continue


def _dates(value: JsonValue, depth: int) -> Iterator[tuple[str, str]]:
    if depth > 3:
        return
    if isinstance(value, list):
        for item in value[:20]:
            yield from _dates(item, depth + 1)
    elif isinstance(value, dict):
        for name in ("dateModified", "datePublished"):
            if isinstance(found := value.get(name), str):
                yield name, found
        yield from _dates(value.get("@graph"), depth + 1)
