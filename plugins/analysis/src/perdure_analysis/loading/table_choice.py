"""Which table of a database is profiled, whatever kind of database it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from perdure.agents import InputError

_LISTED: Final = 20


def chosen_table(file: Path, names: Sequence[str], table: str | None) -> str:
    """Return the table to profile: the one asked for, or the only one there is.

    Args:
        file: The database's file, for the message.
        names: The tables in it.
        table: The one asked for.

    Raises:
        InputError: No such table, none at all, or several and none asked for.
    """
    if not names:
        raise InputError(f"{file} holds no table: give a database with a table in it")
    listed = ", ".join(names[:_LISTED]) + (" …" if len(names) > _LISTED else "")
    if table is None:
        if len(names) > 1:
            raise InputError(
                f"{file} holds {len(names)} tables ({listed}): name one in the parameter 'table'"
            )
        return names[0]
    if table not in names:
        raise InputError(
            f"{file} has no table {table!r}: name one of {listed} in the parameter 'table'"
        )
    return table
