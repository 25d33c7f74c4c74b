"""The texts of a run, joined from the pieces that its events brought."""

import json
from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection, bindparam, or_, select

from perdure.models import Model
from perdure.models.events import THINKING_SUFFIX
from perdure.stores.database import schema
from perdure.stores.sealing.columns import is_sealed

# More is cut off at its beginning: what was written last is looked at.
MAX_CHARACTERS: Final = 200_000

_EVENTS: Final = schema.events.c
_PIECES: Final = (
    select(_EVENTS.type, _EVENTS.data)
    .where(
        _EVENTS.workflow_id == bindparam("run"),
        _EVENTS.type.in_(["text.delta", "text.withdrawn"]),
    )
    .order_by(_EVENTS.number)
)
# Among sealed pieces the database cannot choose.
_PIECES_OF: Final = _PIECES.where(
    or_(_EVENTS.data.contains(bindparam("tail")), is_sealed(_EVENTS.data))
)
_PIECES_UNTIL: Final = _PIECES.where(_EVENTS.number <= bindparam("until"))
_OPEN: Final = select(schema.streams.c.stream).where(
    schema.streams.c.workflow_id == bindparam("run")
)


class StreamedText(Model):
    """A text that was streamed, such as a model's answer.

    Attributes:
        stream: Its name.
        text: The text, or the end of a long one.
        is_thinking: Whether it is a model's thinking.
        is_cut: Whether its beginning is left out.
    """

    stream: str
    text: str
    is_thinking: bool
    is_cut: bool


def texts_of_step(connection: Connection, workflow_id: str, key: str) -> list[StreamedText]:
    """Return the texts that a step made, those that were withdrawn left out.

    Args:
        connection: The connection.
        workflow_id: The run.
        key: The step's key, with which the names of its streams begin.
    """
    # The end of the key is letters, digits and # alone, whatever the step is called.
    tail = "#".join(["", *key.rsplit("#", 2)[1:]])
    rows = connection.execute(_PIECES_OF, {"run": workflow_id, "tail": tail})
    texts = _joined((type_, json.loads(data)) for type_, data in rows)
    return [text for text in texts if text.stream == key or text.stream.startswith(f"{key}.")]


def open_texts(connection: Connection, workflow_id: str, until: int) -> list[StreamedText]:
    """Return the texts that are being written, up to the event of that number."""
    names = set(connection.execute(_OPEN, {"run": workflow_id}).scalars())
    if not names:
        return []
    rows = connection.execute(_PIECES_UNTIL, {"run": workflow_id, "until": until})
    texts = _joined((type_, json.loads(data)) for type_, data in rows)
    return [text for text in texts if text.stream in names]


def _joined(pieces: Iterable[tuple[str, Mapping[str, str]]]) -> list[StreamedText]:
    texts: dict[str, list[str]] = {}
    for type_, data in pieces:
        if type_ == "text.withdrawn":
            texts.pop(data["stream"], None)
        else:
            texts.setdefault(data["stream"], []).append(data["text"])
    joined = ((stream, "".join(parts)) for stream, parts in texts.items())
    return [
        StreamedText(
            stream=stream,
            text=text[-MAX_CHARACTERS:],
            is_thinking=stream.endswith(THINKING_SUFFIX),
            is_cut=len(text) > MAX_CHARACTERS,
        )
        for stream, text in joined
    ]
