"""Pieces of Markdown."""

import re
from collections.abc import Iterator, Sequence


def counted(count: int, noun: str) -> str:
    """Write a count and its noun: ``1 file``, ``1,200 files``."""
    return f"{count:,} {plural(noun, count)}"


def code(text: str) -> str:
    """Write a name as Markdown code."""
    return "`" + re.sub(r"\s+", " ", text).replace("`", "'") + "`"


def plural(noun: str, count: int) -> str:
    """Write a noun for a count."""
    return noun if count == 1 or noun == "style" else f"{noun}s"


def cell(text: str) -> str:
    """Keep text from ending a table's cell, or from being taken for mark-up outside of code."""
    flat = re.sub(r"\s+", " ", text).strip()
    parts = re.split(r"(`[^`]*`)", flat)
    escaped = [
        part if part.startswith("`") else re.sub(r"([\\*_\[\]<>])", r"\\\1", part) for part in parts
    ]
    return "".join(escaped).replace("|", "\\|")


def head(title: str, description: str, sentences: Sequence[str] = ()) -> Iterator[str]:
    """Begin a report: its title, the goal in the words of whoever set it, what it comes to."""
    yield from (f"# {title}", "", f"> {cell(description)}", "")
    if sentences:
        yield from (f"- {line}" for line in sentences)
        yield ""


def quoted(text: str) -> list[str]:
    """Write a text of somebody else as lines of a quotation."""
    return [f"> {cell(line)}".rstrip() for line in text.splitlines()] or ["> (nothing)"]


def fenced(text: str, language: str = "") -> list[str]:
    """Write lines of code in a fence that nothing in them ends."""
    longest = max((len(ticks) for ticks in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *text.splitlines(), fence]
