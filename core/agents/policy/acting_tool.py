"""Which tool's call the next step is, as whoever calls tools for a model knows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ToolAct:
    """A call of a tool.

    Attributes:
        tool: The tool's name.
        arguments: Its arguments.
    """

    tool: str
    arguments: object


_CURRENT: Final[ContextVar[ToolAct | None]] = ContextVar("acting_tool", default=None)


@contextmanager
def acting_as(act: ToolAct | None) -> Iterator[None]:
    """Take the steps that begin in the block for this call; for steps like any other if none."""
    token = _CURRENT.set(act)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current_act() -> ToolAct | None:
    """Return the call that a step that begins here is."""
    return _CURRENT.get()
