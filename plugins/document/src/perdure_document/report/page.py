"""Self-contained web pages for people: one file, no scripts, nothing fetched."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from perdure_document.facts import Place

_STYLE: Final = """
:root { color-scheme: light dark; --line: #c8ccd2; --soft: #f3f4f6; --ink: #1c1f24;
  --back: #fff; --faint: #5d6570; --ins: #d7f5dd; --ins-ink: #0b5a22; --del: #fde0e0;
  --del-ink: #8c1616; --move: #e3e8fd; --move-ink: #27348b; --warn: #fff3cd; }
@media (prefers-color-scheme: dark) { :root { --line: #444b55; --soft: #23272d; --ink: #e6e8eb;
  --back: #16181c; --faint: #9aa3ae; --ins: #123d20; --ins-ink: #a6e8b8; --del: #4a1b1b;
  --del-ink: #f5b5b5; --move: #232b5c; --move-ink: #c3ccff; --warn: #4a3f14; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.25; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left;
  vertical-align: top; }
th { background: var(--soft); }
pre { background: var(--soft); padding: .6rem; overflow-x: auto; }
blockquote { border-left: 3px solid var(--line); margin-left: 0; padding-left: 1rem; }
.faint { color: var(--faint); font-size: .9rem; }
.notes { background: var(--warn); padding: .5rem 1rem .5rem 2rem; }
"""


def write_page(title: str, body: str, style: str = "") -> str:
    """Return a whole web page.

    Args:
        title: Its title, as plain text; it is the first heading too.
        body: What follows the heading, as HTML.
        style: Rules beside those that all pages share.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Whatever a document brings, the page loads nothing and runs nothing.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
        " style-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n"
        f'<h1 dir="auto">{escape(title)}</h1>\n{body}\n</body>\n</html>\n'
    )


def write_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; every cell is HTML already."""
    head = "".join(f"<th>{name}</th>" for name in header)
    lines = [f"<tr>{''.join(f'<td>{value}</td>' for value in row)}</tr>" for row in rows]
    return f"<table>\n<tr>{head}</tr>\n" + "\n".join(lines) + "\n</table>"


def write_notes(notes: Sequence[str]) -> str:
    """Return sentences that a reader must not miss, as a list; nothing when there are none."""
    if not notes:
        return ""
    items = "".join(f'<li dir="auto">{escape(note)}</li>' for note in notes)
    return f'<ul class="notes">{items}</ul>'


def place_in_words(place: Place | None) -> str:
    """Say where something stands: ``page 2, Outlook``; empty when there is nothing to say."""
    if place is None:
        return ""
    parts = [
        f"page {place.page}" if place.page else "",
        f"slide {place.slide}" if place.slide else "",
        f"sheet {place.sheet}" if place.sheet else "",
        place.heading or "",
    ]
    return ", ".join(part for part in parts if part)
