"""``perdure schedules``: on this machine's installation, and on a server."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.command_line import CommandLine, Dev
from tests.support.until import until

CREATE = ("schedules", "create", "morning", "echo", "News of {scheduled_time}", "--cron", "@daily")


def test_without_a_server_it_is_said_which_one_is_missing(perdure: CommandLine) -> None:
    for command in (CREATE, ("schedules", "list"), ("schedules", "delete", "morning")):
        done = perdure(*command)
        assert done.returncode == 1
        assert "no server runs that could start goals by the clock: start one" in done.stderr


@pytest.mark.parametrize("on_server", [False, True], ids=["here", "on a server"])
def test_the_way_of_a_schedule(
    perdure: CommandLine, start_dev: Callable[..., Dev], on_server: bool
) -> None:
    dev = start_dev()
    if on_server:
        perdure.environment["PERDURE_SERVER"] = dev.document["api_url"]
    then = '{"agent_type": "echo", "description": "After {result}"}'
    options = ("--time-zone", "Europe/Berlin", "--param", "text=hi", "--on-success", then)
    made = perdure.json(*CREATE, *options, "--jitter", "0s", "--catch-up", "6h")
    assert made["schedule"]["catch_up_seconds"] == 21_600
    assert made["schedule"]["goal"]["parameters"] == {"text": "hi"}
    assert [goal["goal_id"] for goal in made["schedule"]["on_success"]] == ["morning-2"]

    def listed() -> str:
        lines = perdure("schedules", "list").stdout.splitlines()
        return next((line for line in lines if line.startswith("morning")), "")

    line = until(listed, "a list with it")
    assert "@daily (Europe/Berlin)" in line
    assert "News of {scheduled_time}" in line
    again = perdure(*CREATE)
    assert again.returncode == 1
    assert "there is a schedule 'morning' already" in again.stderr
    paused = perdure("schedules", "pause", "morning")
    assert paused.stdout.startswith("paused  morning  (by hand)\n")
    assert "when       @daily (Europe/Berlin)\n" in paused.stdout

    span = ("--from", "2025-01-01T00:00:00+00:00", "--to", "2025-01-02T23:30:00+00:00")
    filled = perdure.json("schedules", "backfill", "morning", *span)
    assert filled["times"] == ["2025-01-02T00:00:00+01:00", "2025-01-03T00:00:00+01:00"]
    assert perdure("schedules", "trigger", "morning").returncode == 0

    def starts() -> list[dict[str, Any]]:
        found = perdure.json("schedules", "show", "morning")["starts"]
        ended = [start for start in found if len(start["goals"]) == 2]
        return found if [one["status"] for one in ended] == ["completed"] * 3 else []

    oldest = until(starts, "three starts")[-1]
    assert perdure("schedules", "resume", "morning").stdout.startswith("active  morning")
    goal = perdure.json("goals", "show", oldest["goals"][0]["workflow_id"])
    assert goal["description"] == "News of 2025-01-02T00:00:00+01:00"
    goal = perdure.json("goals", "show", oldest["goals"][1]["workflow_id"])
    assert goal["description"] == "After said hi"
    assert perdure("schedules", "delete", "morning").stdout == "deleted  morning\n"
    gone = perdure("schedules", "show", "morning")
    assert gone.returncode == 1
    assert "there is no schedule 'morning': perdure schedules list shows all" in gone.stderr
    audited = perdure.json("audit", "--subject", "morning")["entries"]
    assert [(one["action"], one["status"]) for one in reversed(audited)] == [
        ("schedule.create", 201 if on_server else 200),
        ("schedule.create", 409),
        ("schedule.pause", 200),
        ("schedule.backfill", 200),
        ("schedule.trigger", 200),
        ("schedule.resume", 200),
        ("schedule.delete", 204 if on_server else 200),
    ]


@pytest.mark.parametrize("on_server", [False, True], ids=["here", "on a server"])
def test_what_is_given_changes(
    perdure: CommandLine, start_dev: Callable[..., Dev], on_server: bool
) -> None:
    dev = start_dev()
    if on_server:
        perdure.environment["PERDURE_SERVER"] = dev.document["api_url"]
    then = '{"agent_type": "echo", "description": "After {result}"}'
    made = perdure.json(*CREATE, "--param", "text=hi", "--on-success", then, "--end", "2099-01-01")
    before = made["schedule"]
    update = ("schedules", "update", "morning")
    changed = perdure.json(*update, "--cron", "0 8 * * *", "--time-zone", "Europe/Berlin")
    expected = before | {"cron": ["0 8 * * *"], "time_zone": "Europe/Berlin"}
    assert changed["schedule"] == expected
    options = ("--description", "Others", "--budget", "steps=9", "--end", "never")
    changed = perdure.json(*update, *options, "--every", "10m", "--on-success", "")
    assert (changed["schedule"]["cron"], changed["schedule"]["every_seconds"]) == ([], 600)
    assert (changed["schedule"]["end_at"], changed["schedule"]["on_success"]) == (None, [])
    goal = changed["schedule"]["goal"]
    assert (goal["description"], goal["parameters"]) == ("Others", {"text": "hi"})
    assert goal["budget"]["steps"] == 9
    changed = perdure.json(
        *update, "--param", "text=bye", "--pause-on-failure", "--goal-id", "news"
    )
    assert changed["schedule"]["goal"] == goal | {"goal_id": "news", "parameters": {"text": "bye"}}
    assert changed["schedule"]["pause_on_failure"]
    assert not perdure.json(*update, "--no-pause-on-failure")["schedule"]["pause_on_failure"]
    _what_is_no_change_is_refused(perdure, *update)

    perdure("schedules", "trigger", "morning")

    def of_schedule() -> list[dict[str, Any]]:
        found = perdure.json("goals", "list", "--schedule", "morning")["goals"]
        return found if [goal["status"] for goal in found] == ["completed"] else []

    [started] = until(of_schedule, "its goal")
    shown = perdure("goals", "show", started["workflow_id"]).stdout
    assert "schedule   morning, for 2" in shown
    assert perdure.json("goals", "list", "--schedule", "evening") == {"goals": []}


def _what_is_no_change_is_refused(perdure: CommandLine, *update: str) -> None:
    for options, said in (
        ((), "say what is to be different in morning"),
        (("--cron", "0 0 30 2 *"), "would never start anything"),
        (("--time-zone", "Mars"), "no time zone 'Mars'"),
        (("--agent", "nobody"), "nobody"),
        (("--param", "nothing=1"), "nothing"),
    ):
        refused = perdure(*update, *options)
        assert refused.returncode != 0
        assert said in refused.stderr
        assert "Traceback" not in refused.stderr
    missing = perdure("schedules", "update", "evening", "--jitter", "1m")
    assert "there is no schedule 'evening'" in missing.stderr


def test_what_is_refused(perdure: CommandLine, start_dev: Callable[..., Dev]) -> None:
    start_dev()

    def refused(*given: str) -> str:
        done = perdure("schedules", "create", "x", "echo", "hello", *given)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "say when: give a cron expression" in refused()
    assert "would never start anything" in refused("--cron", "0 0 30 2 *")
    assert "'10ms' is no duration: write it like 90s" in refused("--every", "10ms")
    assert "greater than or equal to 1" in refused("--every", "0s")
    assert "no time zone 'Nowhere'" in refused("--cron", "@daily", "--time-zone", "Nowhere")
    assert "names nothing that could change" in refused("--cron", "@daily", "--only-if-changed")
    assert "takes a goal" in refused("--cron", "@daily", "--on-success", "[]")
    assert perdure.json("schedules", "list") == {"schedules": []}


def test_what_the_clock_missed_is_started_when_the_server_is_back(
    perdure: CommandLine, start_dev: Callable[..., Dev]
) -> None:
    dev = start_dev()
    due = datetime.now(UTC) + timedelta(seconds=15)
    only_then = ("--start", due.isoformat(), "--end", (due + timedelta(seconds=1.5)).isoformat())
    perdure.json("schedules", "create", "once", "echo", "hello", "--every", "1s", *only_then)
    dev.stop()
    until(lambda: datetime.now(UTC) > due + timedelta(seconds=2), "the time")
    start_dev()

    def is_started() -> bool:
        starts = perdure.json("schedules", "show", "once")["starts"]
        return [start["status"] for start in starts][:1] == ["completed"]

    until(is_started, "a start")
    shown = perdure.json("schedules", "show", "once")
    assert shown["next_times"] == []
    assert due - timedelta(seconds=1) < datetime.fromisoformat(shown["starts"][0]["scheduled_at"])
