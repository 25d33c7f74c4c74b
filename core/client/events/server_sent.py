"""Server-sent events, as the HTML standard has them."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event of a stream.

    Attributes:
        id: Its id; empty when it has none.
        type: Its type; ``message`` when it has none.
        data: Its data.
    """

    id: str
    type: str
    data: str


class StreamDecoder:
    """Finds the events in the pieces of a stream: one that broke off is none."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._rest = ""
        self._fields: dict[str, str] = {}
        self._data: list[str] = []

    def events(self, piece: bytes) -> Iterator[ServerSentEvent]:
        """Yield the events that a piece completes."""
        text = self._rest + self._decoder.decode(piece)
        # A carriage return at the end may be the first half of a line's end.
        end = len(text) - 1 if text.endswith("\r") else len(text)
        lines = text[:end].replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = lines.pop() + text[end:]
        for line in lines:
            if line:
                self._take(line)
            elif event := self._complete():
                yield event

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name in {"id", "event"}:
            self._fields[name] = value

    def _complete(self) -> ServerSentEvent | None:
        fields, data = self._fields, self._data
        self._fields, self._data = {}, []
        if not data:
            return None
        return ServerSentEvent(
            fields.get("id", ""), fields.get("event") or "message", "\n".join(data)
        )
