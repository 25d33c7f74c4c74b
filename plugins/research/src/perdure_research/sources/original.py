"""Originals: the bytes behind sources, known by their digest before anything is read of them."""

from typing import Literal

from perdure_research.sources.source import Fact, Unread

Reader = Literal["own", "document", "page"]


class Original(Fact):
    """The bytes of a source.

    Attributes:
        name: How the report calls it.
        addresses: Where it is, the best known first: an absolute path, or URLs.
        sha256: Of the bytes.
        size: How many bytes there are.
        reader: What reads it: this agent, the document agent, or whoever fetched the page.
    """

    name: str
    addresses: tuple[str, ...]
    sha256: str
    size: int = 0
    reader: Reader = "own"


class Originals(Fact):
    """What a look at files came to.

    Attributes:
        originals: Those that can be read, in the order given, each content once.
        unread: Those that cannot, and why.
    """

    originals: tuple[Original, ...] = ()
    unread: tuple[Unread, ...] = ()
