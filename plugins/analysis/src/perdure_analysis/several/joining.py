"""Joining tables one after the other, by keys that were given or that stand out."""

from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_analysis.database.connection import Database, quoted
from perdure_analysis.facts import Key
from perdure_analysis.formatting import counted, listed, share
from perdure_analysis.several.keys import (
    Candidate,
    Table,
    candidates,
    clear_one,
    comparable,
    measured,
)

_JOINED: Final = "joined"


class Join:
    """Joins tables, and remembers by what.

    Attributes:
        keys: What tables may be joined by; those that were used say so.
        notes: What was done, for a reader of the report.
    """

    def __init__(self, database: Database, asked: tuple[str, ...]) -> None:
        self._database = database
        self._asked = [_asked_pair(text) for text in asked]
        self.keys: list[Key] = []
        self.notes: list[str] = []

    def all(self, tables: list[Table]) -> Table:
        """Join all tables that can be; the others are noted.

        Returns:
            The joined table, or the first one.

        Raises:
            InputError: Keys were given by which tables cannot be joined.
        """
        joined, waiting = tables[0], tables[1:]
        while waiting:
            for table in waiting:
                chosen = self._choose(joined, table)
                if chosen is not None:
                    waiting.remove(table)
                    joined = self._join(joined, table, chosen)
                    break
            else:
                break
        if waiting and self._asked:
            by = ", ".join(map(_written, self._asked))
            raise InputError(
                f"{waiting[0].name} cannot be joined by {by}: its columns are"
                f" {', '.join(waiting[0].columns)}; name others in the parameter 'keys'"
            )
        for table in waiting:
            self._propose(joined, table)
        return joined

    def _choose(self, joined: Table, table: Table) -> Candidate | None:
        if not self._asked:
            return clear_one(candidates(self._database, joined, table))
        pairs = []
        for left, right in self._asked:
            for mine, theirs in ((left, right), (right, left)):
                if mine in joined.columns and theirs in table.columns:
                    pairs.append((mine, theirs))
                    break
        if not pairs:
            return None
        chosen = measured(self._database, joined, table, tuple(pairs))
        if not (chosen.key.first_unique or chosen.key.second_unique):
            raise InputError(
                f"{_by(chosen.key)} repeats in both {joined.name} and {table.name}, so that a join"
                " would multiply rows: name further columns in the parameter 'keys'"
            )
        return chosen

    def _join(self, joined: Table, table: Table, chosen: Candidate) -> Table:
        key = chosen.key
        base, other, pairs = joined, table, key.columns
        if not key.second_unique:
            base, other = table, joined
            pairs = tuple((right, left) for left, right in pairs)
        theirs = {right for _, right in pairs}
        taken = {name.lower() for name in base.columns}
        values = []
        for name in other.columns:
            if name in theirs:
                continue
            called = name
            while called.lower() in taken:
                called = f"{called} ({Path(other.name).stem})"
            taken.add(called.lower())
            values.append(f", r.{quoted(name)} AS {quoted(called)}")
        on = []
        for pair in pairs:
            left, right = comparable(base, other, pair)
            on.append(f"{_of('l', left, pair[0])} = {_of('r', right, pair[1])}")
        result = f"{_JOINED}_{len([one for one in self.keys if one.used])}"
        self._database.rows(
            f"CREATE TABLE {result} AS SELECT l.*{''.join(values)} FROM {base.table} l"  # noqa: S608
            f" LEFT JOIN {other.table} r ON {' AND '.join(on)} ORDER BY l.rowid"
        )
        self.keys.append(key.model_copy(update={"used": True}))
        self.notes.append(self._told(key, base, other))
        return Table(
            f"{joined.name} and {table.name}",
            result,
            self._database.columns(result),
            base.rows,
        )

    def _told(self, key: Key, base: Table, other: Table) -> str:
        mine, theirs = key.first_matched, key.second_matched
        if base.name != key.first:
            mine, theirs = theirs, mine
        unmatched = other.rows - round(theirs * other.rows)
        lost = ""
        if unmatched:
            were = "was" if unmatched == 1 else "were"
            lost = f"; {counted(unmatched, 'row')} of {other.name} matched none and {were} left out"
        return (
            f"Joined {base.name} with {other.name} by {_by(key)}: {share(mine)} of the rows of"
            f" {base.name} have a match, {share(theirs)} of those of {other.name} are"
            f" matched{lost}."
        )

    def _propose(self, joined: Table, table: Table) -> None:
        found = candidates(self._database, joined, table)
        self.keys += [one.key for one in found]
        told = f"{table.name} was not joined with {joined.name} and is not in the table: "
        if not found:
            self.notes.append(f"{told}no columns of theirs match.")
            return
        ways = listed([_rated(one.key) for one in found])
        self.notes.append(
            f"{told}no single key stands out. Name one in the parameter 'keys': {ways}."
        )


def _of(table: str, value: str, name: str) -> str:
    """Return SQL for a value of one of the two tables of a join."""
    return value.replace(quoted(name), f"{table}.{quoted(name)}", 1)


def _asked_pair(text: str) -> tuple[str, str]:
    left, equals, right = (part.strip() for part in text.partition("="))
    return (left, right) if equals else (text.strip(), text.strip())


def _written(pair: tuple[str, str]) -> str:
    return pair[0] if pair[0] == pair[1] else f"{pair[0]}={pair[1]}"


def _by(key: Key) -> str:
    return listed([f"`{_written(pair)}`" for pair in key.columns])


def _rated(key: Key) -> str:
    return (
        f"{_by(key)} ({share(key.first_matched)} of the rows of {key.first} match,"
        f" {share(key.second_matched)} of those of {key.second})"
    )
