"""The plain view of goals: their events as lines on stderr, for logs and pipes."""

import time
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.output.event_text import (
    FINAL_EVENTS,
    describe,
    format_usage,
    is_thinking,
    one_line,
    usage_of,
)

if TYPE_CHECKING:
    from perdure.models import Event

MAX_LINE_CHARACTERS: Final = 200


class PlainView:
    """Writes one line per event on stderr, and streaming text as soon as a line is complete."""

    def __init__(self) -> None:
        self._started_at = time.monotonic()
        self._text: dict[str, dict[str, str]] = {}
        self._tokens: dict[str, int] = {}
        self._cost: dict[str, float] = {}

    def show(self, name: str, event: "Event") -> None:
        """Show an event of the goal of that name."""
        streams = self._text.setdefault(name, {})
        if event.type == "text.delta":
            self._add_text(name, streams, event)
            return
        if event.type == "usage":
            self._add_usage(name, event)
            return
        if event.type == "text.withdrawn":
            streams.pop(str(event.data.get("stream")), None)
        for stream in list(streams):
            self._write_text(name, stream, streams.pop(stream))
        line = describe(event)
        if event.type in FINAL_EVENTS and self._tokens.get(name):
            line += f"  ({format_usage(self._tokens[name], self._cost[name])})"
        self._write(name, line)

    def _add_text(self, name: str, streams: dict[str, str], event: "Event") -> None:
        stream = str(event.data.get("stream"))
        text = streams.get(stream, "") + str(event.data.get("text", ""))
        while True:
            end = text.find("\n")
            if end < 0 and len(text) > MAX_LINE_CHARACTERS:
                end = text.rfind(" ", 0, MAX_LINE_CHARACTERS)
                end = MAX_LINE_CHARACTERS if end < 0 else end
            if end < 0:
                break
            self._write_text(name, stream, text[:end])
            text = text[end:].removeprefix("\n").removeprefix(" ")
        streams[stream] = text

    def _add_usage(self, name: str, event: "Event") -> None:
        tokens, cost = usage_of(event)
        self._tokens[name] = self._tokens.get(name, 0) + tokens
        self._cost[name] = self._cost.get(name, 0.0) + cost

    def _write_text(self, name: str, stream: str, text: str) -> None:
        if text.strip():
            self._write(name, f"| {'thinking: ' * is_thinking(stream)}{text}")

    def _write(self, name: str, line: str) -> None:
        if line.strip("| "):
            elapsed = time.monotonic() - self._started_at
            click.echo(f"{elapsed:7.1f} s  {name}  {one_line(line)}", err=True)
