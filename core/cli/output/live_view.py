"""A goal's events on a terminal: bars, the text as it streams, and above them what stays."""

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from perdure.cli.output.event_text import ENDS, describe, one_line, plain, usage_in, used

if TYPE_CHECKING:
    from perdure.models import Event

FRAMES_A_SECOND: Final = 12
STREAMS: Final = 3
STREAM_LINES: Final = 8
# Of a stream no more is kept than can be shown.
KEPT_CHARACTERS: Final = 4_000

# What only says where a goal stands, until the next such event, and needs no line that stays.
_PASSING: Final = frozenset(
    {"progress", "run.started", "run.resumed", "run.waiting", "run.paused", "tool.called"}
    | {"step.started", "step.completed", "text.delta", "text.withdrawn", "usage"}
)


class LiveView:
    """Shows goals on a terminal for as long as the block runs.

    Withdrawn text disappears. Text of a goal that has ended does too: its result is shown then.
    """

    def __init__(self, names: Sequence[str], console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.fields[name]}", style="bold"),
            BarColumn(24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}"),
            TextColumn("{task.fields[used]}", style="dim"),
            console=self._console,
        )
        self._tasks = {
            name: self._bars.add_task(escape(name), total=100, name=name, doing="starting", used="")
            for name in names
        }
        self._text: dict[tuple[str, str], str] = {}
        self._spent = dict.fromkeys(names, (0, 0.0))
        self._live = Live(
            console=self._console,
            get_renderable=self.render,
            refresh_per_second=FRAMES_A_SECOND,
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
        told = describe(event, bare=True)
        if event.type == "text.delta":
            self._add_text(name, event)
        elif event.type == "text.withdrawn":
            self._text.pop((name, str(event.data.get("stream"))), None)
        elif event.type == "usage":
            self._add_usage(name, event)
        elif event.type in ENDS:
            self._end(name, event)
        elif event.type == "step.started":
            self._say(name, one_line(str(event.data.get("step", ""))))
        else:
            if event.type == "progress":
                self._move(name, event)
            if event.type == "run.retried":
                self._bars.start_task(self._tasks[name])
            self._say(name, told)
        if told and event.type not in _PASSING | ENDS:
            self._live.console.print(Text.assemble((f"{name}  ", "bold"), told))

    def render(self) -> RenderableType:
        """Return what is to be seen now."""
        shown = list(self._text.values())[-STREAMS:]
        room = max(1, self._console.height - len(self._tasks) - 2)
        lines = min(STREAM_LINES, max(1, room // max(1, len(shown))))
        return Group(self._bars, *(self._tail(text, lines) for text in shown))

    def _tail(self, text: str, lines: int) -> RenderableType:
        width = max(10, self._console.width - 4)
        return Padding(Text("\n").join(Text(text).wrap(self._console, width)[-lines:]), (0, 2))

    def _say(self, name: str, doing: str) -> None:
        if doing:
            self._bars.update(self._tasks[name], doing=escape(doing))

    def _move(self, name: str, event: "Event") -> None:
        percentage = event.data.get("percentage")
        if isinstance(percentage, int | float):
            self._bars.update(self._tasks[name], completed=percentage)

    def _add_text(self, name: str, event: "Event") -> None:
        stream = name, str(event.data.get("stream"))
        # Taken out and put in again: the last that spoke are shown.
        text = self._text.pop(stream, "") + plain(str(event.data.get("text", "")))
        self._text[stream] = text[-KEPT_CHARACTERS:]

    def _add_usage(self, name: str, event: "Event") -> None:
        before, more = self._spent[name], usage_in(event)
        tokens, cost = self._spent[name] = before[0] + more[0], before[1] + more[1]
        self._bars.update(self._tasks[name], used=used(tokens, cost))

    def _end(self, name: str, event: "Event") -> None:
        for stream in [stream for stream in self._text if stream[0] == name]:
            del self._text[stream]
        task, how = self._tasks[name], event.type.removeprefix("run.")
        if event.type == "run.completed":
            self._bars.update(task, completed=100, doing=f"[green]{how}[/green]")
        else:
            self._bars.update(task, doing=f"[red]{how}[/red]")
        self._bars.stop_task(task)
