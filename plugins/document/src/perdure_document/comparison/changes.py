"""What changed between two versions: what steps return, and what ``comparison.json`` holds."""

from collections.abc import Iterator, Sequence
from typing import Literal

from perdure_document.comparison.alignment import Aligned
from perdure_document.comparison.tables import TableDiff, diff_tables
from perdure_document.comparison.words import Piece, diff_words
from perdure_document.facts import Block, BlockType, Document, Fact, Place
from perdure_document.writing.structure import placed

ChangeType = Literal["inserted", "deleted", "changed", "moved", "restyled"]


class CellChange(Fact):
    """A cell whose text differs, or a cell of a row or column that one version lacks.

    Attributes:
        column: The column's name, from the table's first row.
        old_row: The row in the older version, from 1, the header; ``None`` when it has none.
        new_row: The row in the newer version.
        old: The older text.
        new: The newer text.
    """

    column: str
    old_row: int | None = None
    new_row: int | None = None
    old: str
    new: str


class Change(Fact):
    """A difference between the versions.

    Attributes:
        number: From 1, in the order of the redline, where its id is ``change-N``.
        type: ``restyled`` is the same text as another kind of block, such as a heading; ``moved``
            text may be changed as well, which its pieces show.
        block: What it is in the newer version; in the older when it was deleted.
        old_place: Where it stood; ``None`` when it was inserted.
        new_place: Where it stands; ``None`` when it was deleted.
        old_text: The older text, with its number; a table's caption.
        new_text: The newer text.
        pieces: The text with what was put in and taken out.
        cells: A table's cells that differ.
        table: The whole table as compared, for the redline; not in ``comparison.json``.
    """

    number: int
    type: ChangeType
    block: BlockType
    old_place: Place | None = None
    new_place: Place | None = None
    old_text: str = ""
    new_text: str = ""
    pieces: tuple[Piece, ...] = ()
    cells: tuple[CellChange, ...] = ()
    table: TableDiff | None = None


class PairedBlocks(Fact):
    """A block in both versions or in one, with its places and the number of its pair."""

    number: int
    old: Block | None
    old_place: Place | None
    new: Block | None
    new_place: Place | None
    moved: bool


class Version(Fact):
    """One of the two files: its name, its title and what it is."""

    file: str
    title: str
    kind: str
    notes: tuple[str, ...] = ()


class PropertyChange(Fact):
    """A property of the file, such as its author, that differs; empty text for one it lacks."""

    name: str
    old: str
    new: str


class Comparison(Fact):
    """Everything that differs, as ``comparison.json`` tells it.

    Attributes:
        old: The older version.
        new: The newer version.
        equal: Whether text, tables and styles are the same; properties are not looked at.
        counts: How many changes there are of each type; ``words_inserted`` and ``words_deleted``
            count words of text and cells.
        changes: The changes.
        properties: The files' properties that differ.
    """

    old: Version
    new: Version
    equal: bool
    counts: dict[str, int]
    changes: tuple[Change, ...]
    properties: tuple[PropertyChange, ...]


def differing(old: Document, new: Document, aligned: Sequence[Aligned]) -> list[PairedBlocks]:
    """Return the pairs of blocks that are not the same in both versions."""
    before, after = list(placed(old)), list(placed(new))
    found = []
    for number, pair in enumerate(aligned):
        old_block, old_place = before[pair.old] if pair.old is not None else (None, None)
        new_block, new_place = after[pair.new] if pair.new is not None else (None, None)
        if pair.moved or old_block is None or new_block is None or _differ(old_block, new_block):
            found.append(
                PairedBlocks(
                    number=number,
                    old=old_block,
                    old_place=old_place,
                    new=new_block,
                    new_place=new_place,
                    moved=pair.moved,
                )
            )
    return found


def changes_of(pairs: Sequence[PairedBlocks]) -> list[Change]:
    """Return what changed in pairs of blocks, each numbered by its pair."""
    return [change for pair in pairs if (change := _change(pair)) is not None]


def numbered(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return changes counted from 1."""
    return tuple(
        change.model_copy(update={"number": number}) for number, change in enumerate(changes, 1)
    )


def count_changes(changes: Sequence[Change]) -> dict[str, int]:
    """Count changes by type, and the words put in and taken out."""
    counts = dict.fromkeys(("inserted", "deleted", "changed", "moved", "restyled"), 0)
    inserted = deleted = 0
    for change in changes:
        counts[change.type] += 1
        for piece in _all_pieces(change):
            inserted += len(piece.text.split()) * (piece.operation == "inserted")
            deleted += len(piece.text.split()) * (piece.operation == "deleted")
    return {**counts, "words_inserted": inserted, "words_deleted": deleted}


def property_changes(old: Document, new: Document) -> tuple[PropertyChange, ...]:
    """Return the properties of the files that differ."""
    return tuple(
        PropertyChange(name=name, old=old.metadata.get(name, ""), new=new.metadata.get(name, ""))
        for name in sorted({*old.metadata, *new.metadata})
        if old.metadata.get(name, "") != new.metadata.get(name, "")
    )


def _differ(old: Block, new: Block) -> bool:
    return _content(old) != _content(new)


def _content(block: Block) -> tuple[object, ...]:
    return block.type, block.level, block.ordered, block.numbered_text, block.rows


def _change(pair: PairedBlocks) -> Change | None:
    before, after = pair.old, pair.new
    block = after or before
    if block is None:
        return None
    table, cells = None, tuple[CellChange, ...]()
    if block.rows:
        table = diff_tables(before.rows if before else (), after.rows if after else ())
        cells = tuple(_cell_changes(table))
    old_text = before.numbered_text if before else ""
    new_text = after.numbered_text if after else ""
    kind = _type(before, after, moved=pair.moved, table=table)
    if kind is None:
        return None
    return Change(
        number=pair.number,
        type=kind,
        block=block.type,
        old_place=pair.old_place,
        new_place=pair.new_place,
        old_text=old_text,
        new_text=new_text,
        pieces=diff_words(old_text, new_text),
        cells=cells,
        table=table,
    )


def _type(
    before: Block | None, after: Block | None, *, moved: bool, table: TableDiff | None
) -> ChangeType | None:
    if before is None or after is None:
        return "inserted" if before is None else "deleted"
    if moved:
        return "moved"
    if before.numbered_text != after.numbered_text:
        return "changed"
    if table is not None:
        same = all(row.change == "same" for row in table.rows)
        return None if same and all(kind == "same" for kind in table.columns) else "changed"
    style = (before.type, before.level, before.ordered) != (after.type, after.level, after.ordered)
    return "restyled" if style else None


def _cell_changes(table: TableDiff) -> Iterator[CellChange]:
    if not table.rows:
        return
    names = [
        _side(cell.pieces, "deleted") or _side(cell.pieces, "inserted")
        for cell in table.rows[0].cells
    ]
    for row in table.rows:
        whole = row.change in {"inserted", "deleted"}
        for name, cell in zip(names, row.cells, strict=True):
            if cell.changed or (whole and cell.pieces):
                yield CellChange(
                    column=name,
                    old_row=row.old,
                    new_row=row.new,
                    old=_side(cell.pieces, "inserted"),
                    new=_side(cell.pieces, "deleted"),
                )


def _side(pieces: Sequence[Piece], without: str) -> str:
    return "".join(piece.text for piece in pieces if piece.operation != without)


def _all_pieces(change: Change) -> Iterator[Piece]:
    yield from change.pieces
    if change.table is not None:
        for row in change.table.rows:
            for cell in row.cells:
                yield from cell.pieces
