"""The addresses in a document that count from where it lay: a report lies elsewhere."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from perdure_document.conversion.content import picture_ending
from perdure_document.facts import Source
from perdure_document.files import unchanged

_FENCED: Final = re.compile(r"^(`{3,}|~{3,}).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_CODE_OR_ADDRESS: Final = re.compile(
    r"(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)"
    r"|(?P<picture>!?)\[(?P<text>(?:[^\[\]\\]|\\.|!?\[[^\[\]]*\](?:\([^()]*\))?)*)\]"
    r"\((?:<(?P<marked>[^<>\n]*)>|(?P<bare>(?:[^\s()<>]|\([^\s()<>]*\))*))"
    r"(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'))?\)",
    re.DOTALL,
)
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_LARGEST_PICTURE: Final = 20_000_000


def outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    """Return Markdown with its text changed, and its blocks of code as they are."""
    pieces, last = [], 0
    for fence in _FENCED.finditer(markdown):
        pieces += [change(markdown[last : fence.start()]), fence[0]]
        last = fence.end()
    return "".join([*pieces, change(markdown[last:])])


def picture_addresses(markdown: str) -> list[str]:
    """Return the relative addresses of pictures, each once."""
    found: dict[str, None] = {}

    def note(text: str) -> str:
        found.update((address, None) for picture, address in _relative(text) if picture)
        return text

    outside_fences(markdown, note)
    return list(found)


def find_pictures(source: Source, addresses: list[str]) -> dict[str, str]:
    """Return the paths of the pictures that lie beside a file, or below, by their addresses.

    Args:
        source: The file.
        addresses: Relative addresses of pictures in it.

    Raises:
        InputError: The file changed since it was recognised.
    """
    folder = unchanged(source).parent.resolve()
    found: dict[str, str] = {}
    for address in addresses:
        try:
            file = (folder / unquote(address)).resolve()
            if file.is_relative_to(folder) and 0 < file.stat().st_size <= _LARGEST_PICTURE:
                with file.open("rb") as stream:
                    if picture_ending(stream.read(8)):
                        found[address] = str(file)
        except (OSError, ValueError):
            continue
    return found


def moved(
    markdown: str, names: Mapping[str, str], kept: Collection[str]
) -> tuple[str, Counter[str]]:
    """Return Markdown whose relative addresses are right in the report, and what is left out.

    A picture that the report does not have leaves its description, a link its text.

    Args:
        markdown: The Markdown.
        names: What pictures are called in the report, by their addresses.
        kept: Addresses that are right already.
    """
    left_out: Counter[str] = Counter()

    def change(match: re.Match[str]) -> str:
        address = _address(match)
        if match["ticks"] or _ABSOLUTE.match(address) or address in kept:
            text = match["text"]
            return match[0] if match["ticks"] else match[0].replace(text, rewritten(text), 1)
        text = rewritten(match["text"])
        if match["picture"] and address in names:
            return f"![{text}](<{names[address]}>)"
        if address or match["picture"]:
            left_out["picture" if match["picture"] else "link within the files"] += 1
        return text

    def rewritten(text: str) -> str:
        return _CODE_OR_ADDRESS.sub(change, text)

    return outside_fences(markdown, rewritten), left_out


def _relative(text: str) -> Iterator[tuple[bool, str]]:
    for match in _CODE_OR_ADDRESS.finditer(text):
        address = _address(match)
        if not match["ticks"] and address and not _ABSOLUTE.match(address):
            yield bool(match["picture"]), address
        if match["text"]:
            yield from _relative(match["text"])


def _address(match: re.Match[str]) -> str:
    return match["marked"] or match["bare"] or ""
