"""A goal's events as plain lines, for logs and pipes."""

import time
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.output.event_text import ENDS, describe, one_line, usage_in, used

if TYPE_CHECKING:
    from perdure.models import Event

LINE_CHARACTERS: Final = 200


class Lines:
    """Writes a line an event on stderr, and text that streams line by line as it gets whole."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._text: dict[str, dict[str, str]] = {}
        self._tokens: dict[str, int] = {}
        self._cost: dict[str, float] = {}

    def show(self, name: str, event: "Event") -> None:
        """Show an event of the goal of that name."""
        pieces = self._text.setdefault(name, {})
        if event.type == "text.delta":
            self._add_text(name, pieces, event)
            return
        if event.type == "usage":
            self._add_usage(name, event)
            return
        if event.type == "text.withdrawn":
            pieces.pop(str(event.data.get("stream")), None)
        for stream in list(pieces):
            self._write(name, f"| {pieces.pop(stream)}")
        told = describe(event)
        if event.type in ENDS and self._tokens.get(name):
            told += f"  ({used(self._tokens[name], self._cost[name])})"
        self._write(name, told)

    def _add_text(self, name: str, pieces: dict[str, str], event: "Event") -> None:
        stream = str(event.data.get("stream"))
        text = pieces.get(stream, "") + str(event.data.get("text", ""))
        while True:
            end = text.find("\n")
            if end < 0 and len(text) > LINE_CHARACTERS:
                end = text.rfind(" ", 0, LINE_CHARACTERS)
                end = LINE_CHARACTERS if end < 0 else end
            if end < 0:
                break
            self._write(name, f"| {text[:end]}")
            text = text[end:].removeprefix("\n").removeprefix(" ")
        pieces[stream] = text

    def _add_usage(self, name: str, event: "Event") -> None:
        tokens, cost = usage_in(event)
        self._tokens[name] = self._tokens.get(name, 0) + tokens
        self._cost[name] = self._cost.get(name, 0.0) + cost

    def _write(self, name: str, told: str) -> None:
        if told.strip("| "):
            elapsed = time.monotonic() - self._began
            click.echo(f"{elapsed:7.1f} s  {name}  {one_line(told)}", err=True)
