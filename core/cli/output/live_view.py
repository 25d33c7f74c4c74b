"""The live view of goals on a terminal: progress bars, streaming text, lines above them."""

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from perdure.cli.output.event_text import (
    FINAL_EVENTS,
    describe,
    format_usage,
    is_thinking,
    strip_controls,
    usage_of,
)

if TYPE_CHECKING:
    from perdure.models import Event

FRAMES_PER_SECOND: Final = 12
MAX_STREAMS: Final = 3
MAX_STREAM_LINES: Final = 8
# No more of a stream is kept than can be shown.
MAX_STREAM_CHARACTERS: Final = 4_000

# Events that only change the bar or the streaming text, and print no line above them.
_WITHOUT_LINE: Final = frozenset(
    {
        "progress",
        "run.started",
        "run.resumed",
        "run.waiting",
        "run.paused",
        "tool.called",
        "tool.returned",
    }
    | {"step.started", "step.completed", "text.delta", "text.withdrawn", "usage"}
)


class LiveView:
    """Shows the events of goals on a terminal for as long as the block runs.

    Withdrawn text disappears. Text of a goal that has ended does too: its result is shown then.
    """

    def __init__(self, names: Sequence[str], console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.fields[name]}", style="bold"),
            BarColumn(24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[activity]}"),
            TextColumn("{task.fields[usage]}", style="dim"),
            console=self._console,
        )
        self._tasks = {
            name: self._bars.add_task(
                escape(name), total=100, name=name, activity="starting", usage=""
            )
            for name in names
        }
        self._text: dict[tuple[str, str], str] = {}
        self._usage = dict.fromkeys(names, (0, 0.0))
        self._live = Live(
            console=self._console,
            get_renderable=self.render,
            refresh_per_second=FRAMES_PER_SECOND,
        )

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, name: str, event: "Event") -> None:
        """Show an event of the goal of that name."""
        line = describe(event, with_percentage=False)
        if event.type == "text.delta":
            self._add_text(name, event)
        elif event.type == "text.withdrawn":
            self._text.pop((name, str(event.data.get("stream"))), None)
        elif event.type == "usage":
            self._add_usage(name, event)
        elif event.type in FINAL_EVENTS:
            self._end(name, event)
        elif event.type == "step.started":
            self._show_activity(name, line.removesuffix(" started"))
        else:
            if event.type == "progress":
                self._show_progress(name, event)
            if event.type == "run.retried":
                self._bars.start_task(self._tasks[name])
            self._show_activity(name, line)
        if line and event.type not in _WITHOUT_LINE | FINAL_EVENTS:
            self._live.console.print(Text.assemble((f"{name}  ", "bold"), line))

    def render(self) -> RenderableType:
        """Return what the terminal shows now."""
        texts = [
            Text(text, style="dim" if is_thinking(stream) else "")
            for (_, stream), text in list(self._text.items())[-MAX_STREAMS:]
        ]
        height = max(1, self._console.height - len(self._tasks) - 2)
        lines = min(MAX_STREAM_LINES, max(1, height // max(1, len(texts))))
        return Group(self._bars, *(self._tail(text, lines) for text in texts))

    def _tail(self, text: Text, lines: int) -> RenderableType:
        width = max(10, self._console.width - 4)
        return Padding(Text("\n").join(text.wrap(self._console, width)[-lines:]), (0, 2))

    def _show_activity(self, name: str, activity: str) -> None:
        if activity:
            self._bars.update(self._tasks[name], activity=escape(activity))

    def _show_progress(self, name: str, event: "Event") -> None:
        percentage = event.data.get("percentage")
        if isinstance(percentage, int | float):
            self._bars.update(self._tasks[name], completed=percentage)

    def _add_text(self, name: str, event: "Event") -> None:
        stream = name, str(event.data.get("stream"))
        # Removed and inserted again: the streams with the newest text are shown.
        text = self._text.pop(stream, "") + strip_controls(str(event.data.get("text", "")))
        self._text[stream] = text[-MAX_STREAM_CHARACTERS:]

    def _add_usage(self, name: str, event: "Event") -> None:
        total, added = self._usage[name], usage_of(event)
        tokens, cost = self._usage[name] = total[0] + added[0], total[1] + added[1]
        self._bars.update(self._tasks[name], usage=format_usage(tokens, cost))

    def _end(self, name: str, event: "Event") -> None:
        for stream in [stream for stream in self._text if stream[0] == name]:
            del self._text[stream]
        task, status = self._tasks[name], event.type.removeprefix("run.")
        if event.type == "run.completed":
            self._bars.update(task, completed=100, activity=f"[green]{status}[/green]")
        else:
            self._bars.update(task, activity=f"[red]{status}[/red]")
        self._bars.stop_task(task)
