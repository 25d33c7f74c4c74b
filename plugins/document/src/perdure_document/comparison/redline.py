"""The redline: the newer version as a web page, with what was put in, taken out and moved."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

from perdure_document.comparison.alignment import Aligned
from perdure_document.comparison.changes import Change, Comparison
from perdure_document.comparison.tables import TableDiff
from perdure_document.comparison.words import Piece
from perdure_document.facts import Block, Document
from perdure_document.formatting import counted
from perdure_document.report.page import place_in_words, write_notes, write_page, write_table

_LISTED: Final = 500
_EXCERPT: Final = 120
_NAMES: Final = {
    "inserted": "inserted",
    "deleted": "deleted",
    "changed": "changed",
    "moved": "moved",
    "restyled": "styled anew",
}
_LEGEND: Final = (
    "<p><ins>Inserted text</ins>, <del>deleted text</del>,"
    ' <span class="moved">moved text</span>.</p>'
)
_STYLE: Final = """
ins { background: var(--ins); color: var(--ins-ink); text-decoration: underline; }
del { background: var(--del); color: var(--del-ink); text-decoration: line-through; }
.inserted, .deleted, .changed, .moved, .restyled { border-left: 4px solid var(--line);
  padding-left: .6rem; }
.inserted { border-color: var(--ins-ink); } .deleted { border-color: var(--del-ink); }
.moved { border-color: var(--move-ink); background: var(--move); }
td.change, tr.changed td:first-child { border-left: 4px solid var(--move-ink); }
.label { font-size: .8rem; color: var(--faint); display: block; }
.part { color: var(--faint); border-top: 1px solid var(--line); font-size: .85rem; }
#only:checked ~ main > .same { display: none; }
.code { white-space: pre-wrap; font-family: monospace; }
@media print { #only, label[for=only] { display: none; } }
"""


def write_redline(
    old: Document,
    new: Document,
    aligned: Sequence[Aligned],
    comparison: Comparison,
    changes: Mapping[int, Change],
) -> str:
    """Return the redline as one self-contained page.

    Args:
        old: The older version.
        new: The newer version.
        aligned: Their blocks, paired.
        comparison: What differs.
        changes: The changes of ``comparison``, by the number of their pair.
    """
    title = f"{comparison.old.file} → {comparison.new.file}"
    notes = [
        f"{version.file}: {note}"
        for version in (comparison.old, comparison.new)
        for note in version.notes
    ]
    body = "\n".join(
        [
            f"<p>{escape(_totals(comparison))}</p>",
            _LEGEND,
            write_notes(notes),
            _properties(comparison),
            _list(comparison.changes),
            '<input type="checkbox" id="only"> <label for="only">Show changes only</label>',
            "<main>",
            *_content(old, new, aligned, changes),
            "</main>",
        ]
    )
    return write_page(title, body, _STYLE)


def _totals(comparison: Comparison) -> str:
    if comparison.equal:
        return "The two versions say the same."
    counts = comparison.counts
    told = [f"{counts[name]:,} {text}" for name, text in _NAMES.items() if counts[name]]
    return (
        f"{counted(len(comparison.changes), 'change')}: {', '.join(told)};"
        f" {counted(counts['words_inserted'], 'word')} inserted,"
        f" {counted(counts['words_deleted'], 'word')} deleted."
    )


def _properties(comparison: Comparison) -> str:
    if not comparison.properties:
        return ""
    rows = [
        (escape(one.name), f"<del>{escape(one.old)}</del>", f"<ins>{escape(one.new)}</ins>")
        for one in comparison.properties
    ]
    return "<h2>Properties of the file</h2>" + write_table(("Property", "Older", "Newer"), rows)


def _list(changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    items = "\n".join(
        f'<li><a href="#change-{one.number}">{_NAMES[one.type]}</a>'
        f' <bdi class="faint">{escape(place_in_words(one.new_place or one.old_place))}</bdi>'
        f" {_excerpt(one)}</li>"
        for one in changes[:_LISTED]
    )
    more = len(changes) - _LISTED
    rest = f"<p>{counted(more, 'further change')} below.</p>" if more > 0 else ""
    return f"<details open><summary>Changes</summary><ol>{items}</ol>{rest}</details>"


def _excerpt(change: Change) -> str:
    if change.table is not None:
        first = next(iter(change.cells), None)
        if first is None:
            return "a table"
        cell = f"{first.column}: {first.old or '(blank)'} → {first.new or '(blank)'}"
        more = f", and {counted(len(change.cells) - 1, 'further cell')}" if change.cells[1:] else ""
        return f"a table, <bdi>{escape(cell[:_EXCERPT])}</bdi>{more}"
    changed = [piece for piece in change.pieces if piece.operation != "same"] or change.pieces
    shown, length = [], 0
    for piece in changed:
        shown.append(piece.model_copy(update={"text": piece.text.strip()[: _EXCERPT - length]}))
        length += len(piece.text)
        if length >= _EXCERPT:
            break
    ending = "…" if length > _EXCERPT else ""
    return f"<bdi>{' '.join(_piece(piece) for piece in shown)}{ending}</bdi>"


def _content(
    old: Document, new: Document, aligned: Sequence[Aligned], changes: Mapping[int, Change]
) -> Iterator[str]:
    part = 0
    for number, pair in enumerate(aligned):
        block = new.blocks[pair.new] if pair.new is not None else old.blocks[pair.old or 0]
        if pair.new is not None and block.part != part:
            part = block.part
            name = new.names[part - 1] if 0 < part <= len(new.names) else ""
            yield f'<p class="part">{new.parts or "part"} {part} <bdi>{escape(name)}</bdi></p>'
        change = changes.get(number)
        if change is None:
            yield _unchanged(block)
        else:
            yield _changed(block, change)


def _unchanged(block: Block) -> str:
    if block.rows:
        rows = "".join(
            "<tr>" + "".join(f'<td dir="auto">{escape(cell)}</td>' for cell in row) + "</tr>"
            for row in block.rows
        )
        caption = _element(block, escape(block.numbered_text)) if block.text else ""
        return f'<div class="same">{caption}<table>{rows}</table></div>'
    return f'<div class="same">{_element(block, escape(block.numbered_text))}</div>'


def _changed(block: Block, change: Change) -> str:
    label = _NAMES[change.type]
    if change.type == "moved":
        origin = place_in_words(change.old_place)
        label = f"moved from {origin}" if origin else "moved here"
    where = f'<span class="label"><bdi>{escape(label)}</bdi></span>'
    inner = _element(block, "".join(map(_piece, change.pieces))) if change.pieces else ""
    if change.table is not None:
        inner += _table(change.table, change.type)
    return f'<div class="{change.type}" id="change-{change.number}">{where}{inner}</div>'


def _element(block: Block, inner: str) -> str:
    match block.type:
        case "heading":
            level = min(max(block.level + 1, 2), 6)
            return f'<h{level} dir="auto">{inner}</h{level}>'
        case "item":
            indent = 1.5 * (block.level + 1)
            mark = "" if block.number else "• "
            return f'<p dir="auto" style="margin-left: {indent}rem">{mark}{inner}</p>'
        case "quote" | "note" | "footnote" | "comment":
            return f'<blockquote dir="auto">{inner}</blockquote>'
        case "code":
            return f'<pre class="code">{inner}</pre>'
        case _:
            return f'<p dir="auto">{inner}</p>'


def _piece(piece: Piece) -> str:
    text = escape(piece.text)
    if piece.operation == "same":
        return text
    name = "ins" if piece.operation == "inserted" else "del"
    return f"<{name}>{text}</{name}>"


def _table(table: TableDiff, change: str) -> str:
    lines = []
    for row in table.rows:
        cells = []
        for cell in row.cells:
            mark = ' class="change"' if cell.changed and change == "changed" else ""
            cells.append(f'<td dir="auto"{mark}>{"".join(map(_piece, cell.pieces))}</td>')
        title = f' title="moved from row {row.old}"' if row.change == "moved" else ""
        lines.append(f'<tr class="{row.change}"{title}>{"".join(cells)}</tr>')
    return f"<table>{''.join(lines)}</table>"
