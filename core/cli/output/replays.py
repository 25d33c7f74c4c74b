"""Replays as text: the steps with each version side by side, and what else differs."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from perdure.cli.output.event_text import one_line
from perdure.cli.output.printing import print_table, print_text

if TYPE_CHECKING:
    from perdure.schemas.replays.replay import GoalReplay, Replay, ReplayedStep, ReplayReport

# Of so many steps in a row that are the same everywhere, those in the middle are left out.
_MOST_ALIKE: Final = 6
_SHOWN_ALIKE: Final = 2
_ALIKE: Final = frozenset({"same", "open"})
_NOTHING: Final = "-"

_Row = tuple[str, Sequence["ReplayedStep | None"]]


def print_replay(goal: "GoalReplay") -> None:
    """Print the replays of one run."""
    print_text(f"goal       {goal.workflow_id}  {goal.status.value}")
    print_text(f"recorded   {', '.join(goal.recorded) or 'by a version that is not known'}")
    for replay in goal.replays:
        print_text(f"replayed   {_version(replay, goal)}  {_verdict(replay)}")
    rows = _rows(goal.replays)
    if rows:
        columns = [_version(replay, goal) for replay in goal.replays]
        print_table(["step", *columns, "what it is"], _texts(rows))
    for replay in goal.replays:
        for one in replay.differences:
            recorded, now = one.recorded or "nothing", one.now or "nothing"
            print_text(one_line(f"{one.where}: {recorded} on record, {now} now"))


def print_report(report: "ReplayReport") -> None:
    """Print the replays of several runs, a line each, and how many differ."""
    versions = max((goal.replays for goal in report.goals), key=len, default=())
    names = ["replayed", *(replay.python for replay in versions[1:])]
    print_table(
        ["workflow id", "status", "recorded", *names, "first difference"],
        [
            [
                goal.workflow_id,
                goal.status.value,
                ", ".join(goal.recorded),
                *(_verdict(replay) for replay in goal.replays),
                one_line(next((replay.first for replay in goal.replays if not replay.same), "")),
            ]
            for goal in report.goals
        ],
    )
    print_text(f"{report.same} the same, {report.different} different")


def _version(replay: "Replay", goal: "GoalReplay") -> str:
    version = replay.version or "not started"
    return version if replay is goal.replays[0] else f"{version} ({replay.python})"


def _verdict(replay: "Replay") -> str:
    return "same" if replay.same else f"different: {one_line(replay.first)}"


def _rows(replays: "Sequence[Replay]") -> list[_Row]:
    """Return a row for each step, with what each replay has found of it, if it has come to it."""
    found = [{step.key: step for step in replay.steps} for replay in replays]
    order: list[str] = []
    for steps in found:
        order = _merged(order, list(steps))
    return [(key, [steps.get(key) for steps in found]) for key in order]


def _merged(order: Sequence[str], more: Sequence[str]) -> list[str]:
    """Return keys in their order, and others each after the one that it comes after."""
    known, last = set(order), ""
    following: dict[str, list[str]] = {}
    for key in more:
        if key in known:
            last = key
        else:
            following.setdefault(last, []).append(key)
    merged = following.get("", [])
    for key in order:
        merged += [key, *following.get(key, [])]
    return merged


def _texts(rows: Sequence[_Row]) -> Iterable[Sequence[str]]:
    alike: list[_Row] = []
    for row in rows:
        if all(step is not None and step.status in _ALIKE for step in row[1]):
            alike.append(row)
            continue
        yield from _alike(alike)
        alike = []
        yield _text(row)
    yield from _alike(alike)


def _alike(rows: Sequence[_Row]) -> Iterable[Sequence[str]]:
    if len(rows) <= _MOST_ALIKE:
        yield from map(_text, rows)
        return
    yield from map(_text, rows[:_SHOWN_ALIKE])
    left_out = f"… {len(rows) - 2 * _SHOWN_ALIKE} more"
    yield [left_out, *("same" for _ in rows[0][1]), ""]
    yield from map(_text, rows[-_SHOWN_ALIKE:])


def _text(row: _Row) -> Sequence[str]:
    steps = [step for step in row[1] if step is not None]
    details = dict.fromkeys(_detail(step, steps) for step in steps)
    return [
        one_line(steps[0].name),
        *(step.status if step is not None else _NOTHING for step in row[1]),
        one_line("; ".join(filter(None, details))),
    ]


def _detail(step: "ReplayedStep", beside: "Sequence[ReplayedStep]") -> str:
    """Return what a step is for people, with both inputs where another version has the old one."""
    if step.status not in {"changed", "new"}:
        return step.detail
    before = next((one.input for one in beside if one.status == "same"), "")
    was = f", on record {before}" if before else ""
    return f"{step.detail}, with {step.input}{was}" if step.input else step.detail
