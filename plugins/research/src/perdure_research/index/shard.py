"""A shard of the index: some sources, their archived texts and a full-text index, in one file."""

import json
import sqlite3
import zlib
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from perdure_research.index.passages import pieces_of
from perdure_research.index.semantics import embed, pack
from perdure_research.index.terms import TOKENIZER, terms_of
from perdure_research.sources.source import Block, Source, SourceText, Unread
from perdure_research.sources.text_forms import comparable

# Raise it when the same readings make another shard than before.
VERSION: Final = 2

_SCHEMA: Final = f"""
CREATE TABLE source (
    number INTEGER PRIMARY KEY, id TEXT, description TEXT, text BLOB, blocks BLOB
);
CREATE TABLE unread (number INTEGER PRIMARY KEY, source TEXT, reason TEXT);
CREATE TABLE passage (
    number INTEGER PRIMARY KEY, source INTEGER, block INTEGER, start INTEGER, end INTEGER,
    form TEXT, line INTEGER, page INTEGER, heading TEXT
);
CREATE TABLE vector (first INTEGER PRIMARY KEY, packed BLOB);
CREATE VIRTUAL TABLE search USING fts5(text, context, content='', tokenize="{TOKENIZER}");
CREATE VIRTUAL TABLE term USING fts5vocab(search, 'row');
CREATE VIRTUAL TABLE instance USING fts5vocab(search, 'instance');
"""
_PASSAGE: Final = "INSERT INTO passage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SEARCH: Final = "INSERT INTO search (rowid, text, context) VALUES (?, ?, ?)"

_BLOCKS: Final = TypeAdapter(tuple[Block, ...])

Entry = tuple[Source, SourceText] | Unread


def write_shard(path: Path, entries: Iterable[Entry], *, semantic: bool = False) -> None:
    """Write a shard.

    Args:
        path: The file to write.
        entries: Its sources, and what could not be read, one at a time.
        semantic: Whether passages are found by their meaning too.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        # A file that is not finished is thrown away: it needs no journal and no waiting for a disk.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE"):
            database.execute(f"PRAGMA {pragma}")
        database.executescript(_SCHEMA)
        database.execute("BEGIN")
        passages = 0
        for number, entry in enumerate(entries):
            if isinstance(entry, Unread):
                row = (number, entry.source, entry.reason)
                database.execute("INSERT INTO unread VALUES (?, ?, ?)", row)
            else:
                after = _add(database, number, passages, *entry)
                if semantic and after > passages:
                    _add_vectors(database, passages, entry[1])
                passages = after
        database.execute("COMMIT")


def _add(
    database: sqlite3.Connection, number: int, passages: int, source: Source, content: SourceText
) -> int:
    """Add a source, and return how many passages there are then."""
    text = _packed(content.text.encode("utf-8", "surrogatepass"))
    blocks = _packed(_BLOCKS.dump_json(content.blocks))
    row = (number, source.id, source.model_dump_json(), text, blocks)
    database.execute("INSERT INTO source VALUES (?, ?, ?, ?, ?)", row)
    rows, terms = [], []
    context, context_terms = "", ""
    about = " / ".join(filter(None, (source.title, source.site)))
    for passage, piece in enumerate(pieces_of(content, about), passages):
        if piece.context != context:
            context, context_terms = piece.context, terms_of(piece.context)
        block = content.blocks[piece.block]
        line = block.line
        if line is not None:
            line += content.text.count("\n", block.start, piece.start)
        place = (block.form, line, block.page, json.dumps(block.heading))
        rows.append((passage, number, piece.block, piece.start, piece.end, *place))
        terms.append((passage, terms_of(content.text[piece.start : piece.end]), context_terms))
    database.executemany(_PASSAGE, rows)
    database.executemany(_SEARCH, terms)
    return passages + len(rows)


def _add_vectors(database: sqlite3.Connection, first: int, content: SourceText) -> None:
    """Add what the passages of a source mean."""
    rows = database.execute("SELECT start, end FROM passage WHERE number >= ?", (first,))
    texts = [comparable(content.text[start:end]) for start, end in rows]
    database.execute("INSERT INTO vector VALUES (?, ?)", (first, pack(embed(texts))))


def read_sources(path: Path) -> tuple[list[Source], list[Unread]]:
    """Return the sources of a shard, and what of it could not be read."""
    with closing(open_shard(path)) as database:
        described = database.execute("SELECT description FROM source ORDER BY number")
        sources = [Source.model_validate_json(text) for (text,) in described]
        rows = database.execute("SELECT source, reason FROM unread ORDER BY number")
        return sources, [Unread(source=source, reason=reason) for source, reason in rows]


def open_shard(path: Path) -> sqlite3.Connection:
    """Open a shard for reading; from any thread, one at a time."""
    address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(address, uri=True, check_same_thread=False)


def text_in(shard: sqlite3.Connection, number: int) -> str:
    """Return the archived text of a source by its number in a shard."""
    row = shard.execute("SELECT text FROM source WHERE number = ?", (number,)).fetchone()
    return zlib.decompress(row[0]).decode("utf-8", "surrogatepass")


def content_in(shard: sqlite3.Connection, number: int) -> SourceText:
    """Return the archived text of a source with its blocks."""
    row = shard.execute("SELECT blocks FROM source WHERE number = ?", (number,)).fetchone()
    blocks = _BLOCKS.validate_json(zlib.decompress(row[0]))
    return SourceText(text=text_in(shard, number), blocks=blocks)


def _packed(content: bytes) -> bytes:
    return zlib.compress(content, 1)
