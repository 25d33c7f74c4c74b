"""Schedules on a real server: what they start, when, and what they are refused for.

Nothing waits for the clock but one test: starts are triggered, or made up for in the past.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from temporalio.client import ScheduleActionExecutionStartWorkflow, WorkflowExecutionStatus

from perdure.agents.parameters import ParametersRefused
from perdure.agents.plugins.registry import UnknownAgent
from perdure.api.keys import new_key
from perdure.models import GoalContent, GoalRecord, GoalStatus
from perdure.models.schedules.content import OverlapPolicy, ScheduleContent
from perdure.schemas.schedules.records import ScheduleRecord, ScheduleStart, StartStatus
from perdure.stores.database.errors import InputRefused
from perdure.temporal.client.connection import TemporalUnavailable, connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.schedules.errors import ScheduleExists, UnknownSchedule
from perdure.temporal.schedules.service import ScheduleService
from perdure.temporal.server.ports import free_port
from tests.support.schedules import BERLIN, GATES, Here, content, day
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAILY = "30 2 * * *"


class ServedPage:
    """A web page of a test's own."""

    def __init__(self) -> None:
        self.status, self.content, self.address = 200, b"some", ""


@contextmanager
def serving() -> Iterator[ServedPage]:
    page = ServedPage()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if self.path == "/robots.txt" else page.status)
            self.send_header("Content-Length", str(len(page.content)))
            self.end_headers()
            self.wfile.write(page.content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        page.address = f"http://127.0.0.1:{server.server_port}/news"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield page
        finally:
            server.shutdown()
            thread.join()


def in_iso(times: Sequence[datetime]) -> list[str]:
    return [time.isoformat() for time in times]


async def test_each_start_is_a_goal_like_any_other(here: Here) -> None:
    goal = {"description": "report of {scheduled_time} in {braces}", "priority": 2}
    made = await here.create(cron=["0 7 * * 1-5"], time_zone=BERLIN, goal=goal)
    assert not made.paused
    assert made.starts == []
    assert len(made.next_times) == 10
    assert made.next_times == sorted(made.next_times)
    assert all(
        (time.hour, time.minute, time.weekday() < 5) == (7, 0, True) for time in made.next_times
    )
    assert {time.utcoffset() for time in made.next_times} <= {
        timedelta(hours=1),
        timedelta(hours=2),
    }

    # Over the end of summer time, and over a weekend.
    times = await here.service.backfill("test", day("2025-10-24"), day("2025-10-27T06:00"))
    assert in_iso(times) == ["2025-10-24T07:00:00+02:00", "2025-10-27T07:00:00+01:00"]
    starts = await here.starts("test", StartStatus.COMPLETED, 2)
    goals = await here.goals()
    assert [goal.description for goal in goals] == [
        f"report of {time} in {{braces}}" for time in in_iso(times)
    ]
    assert {(goal.goal_id, goal.status, goal.priority) for goal in goals} == {
        ("test", GoalStatus.COMPLETED, 2)
    }
    assert all(goal.agent_version == "perdure-test 1.0" for goal in goals)
    found = [goal.workflow_id for start in reversed(starts) for goal in start.goals]
    assert found == [goal.workflow_id for goal in goals]
    assert found[0].startswith("goal-test-")
    record = await here.installation.stores.goals.get(found[1])
    assert record.result is not None
    assert record.result.summary == f"said {goals[1].description}"
    shown = await here.service.get("test")
    assert (shown.started, shown.skipped, shown.missed) == (2, 0, 0)
    assert shown.schedule.goal.description == goal["description"]


async def test_the_clock_starts_goals(here: Here) -> None:
    await here.create(cron=[], every_seconds=1)
    starts = await here.starts("test", StartStatus.COMPLETED, 2)
    await here.service.pause("test")
    assert len({start.scheduled_at for start in starts}) == len(starts)
    assert all(start.started_at >= start.scheduled_at for start in starts)


async def test_a_time_that_clocks_skip_is_left_out_and_one_that_they_repeat_is_not(
    here: Here,
) -> None:
    await here.create(cron=[DAILY], time_zone=BERLIN, goal={"description": "{scheduled_time}"})
    spring = await here.service.backfill("test", day("2025-03-29"), day("2025-03-31T00:30"))
    assert in_iso(spring) == ["2025-03-29T02:30:00+01:00", "2025-03-31T02:30:00+02:00"]
    autumn = await here.service.backfill("test", day("2025-10-25T22:00"), day("2025-10-26T22:00"))
    assert in_iso(autumn) == ["2025-10-26T02:30:00+01:00"]
    await here.starts("test", StartStatus.COMPLETED, 3)
    assert {goal.description for goal in await here.goals()} == {*in_iso(spring), *in_iso(autumn)}

    # East of Greenwich Temporal takes the second of the two, west of it both.
    await here.create("west", cron=["30 1 * * *"], time_zone="America/New_York")
    west = await here.service.backfill("west", day("2025-11-02"), day("2025-11-03"))
    assert in_iso(west) == ["2025-11-02T01:30:00-04:00", "2025-11-02T01:30:00-05:00"]
    await here.starts("west", StartStatus.COMPLETED, 2)

    # In a year to come, as its page says.
    later = await here.create("later", cron=[DAILY], time_zone=BERLIN, start_at=day("2099-03-28"))
    offsets = {time.date().isoformat(): time.utcoffset() for time in later.next_times}
    assert "2099-03-29" not in offsets
    assert offsets["2099-03-28"] == timedelta(hours=1)
    assert offsets["2099-03-30"] == timedelta(hours=2)


@pytest.mark.parametrize(
    "given",
    [
        {"cron": ["0 0 30 2 *"]},
        {"cron": ["0 0 1 1 * 2020"]},
        {"cron": ["@daily"], "end_at": day("2020-01-01")},
        {"cron": ["@daily"], "start_at": day("2031-01-02"), "end_at": day("2031-01-01")},
        {"cron": [], "every_seconds": 60, "end_at": day("2020-01-01")},
    ],
    ids=["30 February", "a year that is over", "ended", "ends before it begins", "interval"],
)
async def test_one_that_would_never_start_anything_is_refused(
    here: Here, given: dict[str, Any]
) -> None:
    with pytest.raises(InputRefused, match="'test' would never start anything"):
        await here.create(**given)
    with pytest.raises(UnknownSchedule):
        await here.service.get("test")
    await here.create()  # its name is free


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"cron": [], "every_seconds": 0}, "greater than or equal to 1"),
        ({"cron": [], "every_seconds": 0.01}, "every_seconds"),
        ({"cron": ["@every 10ms"]}, "is an interval"),
        ({"cron": ["CRON_TZ=Europe/Berlin 0 7 * * *"]}, "names a time zone"),
        ({"cron": []}, "say when"),
        ({"cron": ["@daily"], "offset_seconds": 1}, "of an interval"),
        ({"cron": [], "every_seconds": 60, "offset_seconds": 60}, "no shorter than the interval"),
        ({"time_zone": "Europe/Atlantis"}, "no time zone 'Europe/Atlantis'"),
        ({"time_zone": "../../etc/passwd"}, "no time zone"),
        ({"time_zone": "Europe"}, "no time zone"),
        ({"jitter_seconds": -1}, "jitter_seconds"),
        ({"catch_up_seconds": 1}, "catch_up_seconds"),
        ({"start_at": "2030-01-01T00:00:00"}, "timezone"),
        ({"name": "a/b"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"overlap": "never"}, "overlap"),
        ({"only_if_changed": True, "overlap": "allow-all"}, "no last time to compare"),
        ({"on_success": [{"goal_id": "x", "description": " ", "agent_type": "say"}]}, "in words"),
        ({"cron": ["@daily"] * 11}, "at most 10"),
    ],
)
async def test_what_is_no_schedule_is_refused(given: dict[str, Any], match: str) -> None:
    with pytest.raises(ValidationError, match=match):
        ScheduleContent.model_validate(content().model_dump() | given)


@pytest.mark.parametrize("cron", ["nonsense", "61 * * * *", "* * * *", "* * * * * * * *"])
async def test_a_cron_that_cannot_be_read_is_refused(here: Here, cron: str) -> None:
    with pytest.raises(InputRefused, match="'test' cannot be as it is described"):
        await here.create(cron=[cron])


async def test_its_goals_are_checked_when_it_is_created(here: Here) -> None:
    with pytest.raises(UnknownAgent):
        await here.create(goal={"agent_type": "nobody"})
    with pytest.raises(ParametersRefused, match="nothing"):
        await here.create(goal={"parameters": {"nothing": 1}})
    following = {"goal_id": "x", "description": "y", "agent_type": "nobody"}
    with pytest.raises(UnknownAgent):
        await here.create(on_success=[following])
    with pytest.raises(InputRefused, match="holds an API key"):
        await here.create(goal={"description": f"use {new_key()[0]}"})
    assert await here.service.list() == []


async def test_names_are_taken_once_and_must_be_known(here: Here) -> None:
    await here.create()
    with pytest.raises(ScheduleExists, match="'test' already"):
        await here.create()
    service = here.service
    for call in (service.get, service.pause, service.resume, service.trigger, service.delete):
        with pytest.raises(UnknownSchedule, match="no schedule 'tes'"):
            await call("tes")
    for name in ("x" * 65, "", "a/b", "caf\udce9", "a\0"):
        with pytest.raises(UnknownSchedule):
            await service.get(name)
    with pytest.raises(UnknownSchedule):
        await service.backfill("tes", day("2025-01-01"), day("2025-01-02"))
    await service.delete("test")
    with pytest.raises(UnknownSchedule):
        await service.get("test")


async def test_a_paused_one_starts_what_it_is_told_to(here: Here) -> None:
    await here.create(cron=[], every_seconds=1, start_at=datetime.now(UTC) + timedelta(days=1))
    paused = await here.service.pause("test")
    assert (paused.paused, paused.note) == (True, "by hand")
    await here.trigger("test", StartStatus.COMPLETED, 1)

    async def listed() -> bool:
        records = await here.service.list()
        return [(one.schedule.name, one.paused) for one in records] == [("test", True)]

    await until_async(listed, "a list with it")
    assert not (await here.service.resume("test")).paused


async def test_a_failure_pauses_it_where_that_is_wanted(here: Here) -> None:
    fails = {"parameters": {"fail": True}}
    await here.create(goal=fails, pause_on_failure=True)
    await here.create("careless", goal=fails)
    for name in ("test", "careless"):
        [start] = await here.trigger(name, StartStatus.FAILED, 1)
        assert [goal.status for goal in start.goals] == [GoalStatus.FAILED]

    async def is_paused() -> ScheduleRecord | None:
        record = await here.service.get("test")
        return record if record.paused else None

    paused = await until_async(is_paused, "a pause")
    assert paused is not None
    assert "it was asked to fail: ask otherwise" in paused.note
    await here.trigger("careless", StartStatus.FAILED, 2)
    assert not (await here.service.get("careless")).paused


async def test_a_result_starts_the_next_goal(here: Here) -> None:
    following = [
        {"goal_id": "second", "agent_type": "say", "description": "{result} by {workflow_id}"},
        {"goal_id": "third", "agent_type": "say", "description": "{result} at {scheduled_time}"},
    ]
    await here.create(on_success=following, cron=["@daily"])
    await here.service.backfill("test", day("2025-01-01"), day("2025-01-01"))

    async def came() -> bool:
        starts = (await here.service.get("test")).starts or []
        return [goal.status.value for one in starts for goal in one.goals] == ["completed"] * 3

    await until_async(came, "three goals")
    first, second, third = await here.goals()
    assert second.description == f"said hello by {first.workflow_id}"
    assert third.description == f"said {second.description} at 2025-01-01T00:00:00+00:00"


async def test_a_failure_starts_no_next_goal(here: Here) -> None:
    following = [{"goal_id": "second", "agent_type": "say", "description": "{result}"}]
    await here.create(on_success=following, goal={"parameters": {"fail": True}})
    [start] = await here.trigger("test", StartStatus.FAILED, 1)
    wrapper = await _workflow_of(here, start)
    assert wrapper is WorkflowExecutionStatus.FAILED
    assert [goal.goal_id for goal in await here.goals()] == ["test"]


async def _workflow_of(here: Here, start: ScheduleStart) -> WorkflowExecutionStatus | None:
    """Return how the workflow ended that a schedule had started."""
    [goal] = start.goals
    client = here.installation.client
    described = await client.get_workflow_handle(goal.workflow_id).describe()
    assert described.parent_id is not None
    parent = client.get_workflow_handle(described.parent_id, run_id=described.parent_run_id)

    async def ended() -> WorkflowExecutionStatus | None:
        status = (await parent.describe()).status
        return status if status is not WorkflowExecutionStatus.RUNNING else None

    return await until_async(ended, "the end of a workflow")


async def test_a_watch_starts_something_only_when_its_files_have_changed(
    here: Here, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("1")
    goal = {"parameters": {"path": str(folder)}, "description": "at {scheduled_time}"}
    await here.create(goal=goal, only_if_changed=True)
    await here.trigger("test", StartStatus.COMPLETED, 1)
    [start, _] = await here.trigger("test", StartStatus.UNCHANGED, 1)
    assert start.goals == []
    (folder / "a.csv").touch()  # another time, the same content
    await here.trigger("test", StartStatus.UNCHANGED, 2)
    assert len(await here.goals()) == 1
    (folder / "b.csv").write_text("")
    await here.trigger("test", StartStatus.COMPLETED, 2)
    (folder / "b.csv").rename(folder / "c.csv")
    await here.trigger("test", StartStatus.COMPLETED, 3)
    await here.trigger("test", StartStatus.UNCHANGED, 3)
    assert len(await here.goals()) == 3


async def test_a_watch_does_again_what_failed(here: Here, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    given = {"path": str(tmp_path / "a.csv"), "fail": True}
    await here.create(goal={"parameters": given}, only_if_changed=True)
    for count in (1, 2):
        await here.trigger("test", StartStatus.FAILED, count)
    assert len(await here.goals()) == 2


async def test_a_watch_looks_at_web_pages(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_WEB_ALLOW", "127.0.0.1")
    with serving() as page:
        await here.create(goal={"parameters": {"page": page.address}}, only_if_changed=True)
        await here.trigger("test", StartStatus.COMPLETED, 1)
        await here.trigger("test", StartStatus.UNCHANGED, 1)
        page.content = b"others"
        await here.trigger("test", StartStatus.COMPLETED, 2)
        await here.trigger("test", StartStatus.UNCHANGED, 2)
        page.status = 500  # nobody can say whether it has changed
        await here.trigger("test", StartStatus.COMPLETED, 3)
        await here.trigger("test", StartStatus.COMPLETED, 4)


async def test_a_watch_needs_something_to_watch(here: Here) -> None:
    with pytest.raises(InputRefused, match="names nothing that could change"):
        await here.create(only_if_changed=True)


async def test_what_is_asked_for_while_another_runs_waits_its_turn(here: Here) -> None:
    await here.create(goal={"parameters": {"gate": "turn"}})
    await here.trigger("test", StartStatus.RUNNING, 1)
    await here.service.trigger("test")
    await here.service.trigger("test")
    assert len(await here.goals()) == 1
    GATES["turn"].set()
    await here.starts("test", StartStatus.COMPLETED, 3)


async def test_with_allow_all_goals_run_side_by_side(here: Here) -> None:
    await here.create(goal={"parameters": {"gate": "side"}}, overlap="allow-all", cron=["@daily"])
    times = await here.service.backfill("test", day("2025-01-01"), day("2025-01-03"))
    assert len(times) == 3
    await here.starts("test", StartStatus.RUNNING, 3)
    GATES["side"].set()
    await here.starts("test", StartStatus.COMPLETED, 3)


async def test_a_goal_that_somebody_cancels_is_no_failure(here: Here) -> None:
    await here.create(goal={"parameters": {"gate": "never"}}, pause_on_failure=True)
    [start] = await here.trigger("test", StartStatus.RUNNING, 1)
    await here.installation.service.control.cancel(start.goals[0].workflow_id)
    [start] = await here.starts("test", StartStatus.CANCELLED, 1)
    assert await _workflow_of(here, start) is WorkflowExecutionStatus.COMPLETED
    assert not (await here.service.get("test")).paused


async def test_the_goal_ends_with_what_started_it(here: Here) -> None:
    """As with the overlap policy cancel-other."""
    await here.create(goal={"parameters": {"gate": "never"}})
    [start] = await here.trigger("test", StartStatus.RUNNING, 1)
    client = here.installation.client
    described = await client.get_workflow_handle(start.goals[0].workflow_id).describe()
    assert described.parent_id is not None
    await client.get_workflow_handle(described.parent_id).cancel()
    [start] = await here.starts("test", StartStatus.CANCELLED, 1)
    assert await _workflow_of(here, start) is WorkflowExecutionStatus.CANCELED


async def test_a_backfill_is_of_the_past_and_of_so_much(here: Here) -> None:
    await here.create(cron=["* * * * *"])
    await here.service.pause("test")
    with pytest.raises(InputRefused, match="yet to come"):
        await here.service.backfill(
            "test", day("2025-01-01"), datetime.now(UTC) + timedelta(days=1)
        )
    with pytest.raises(InputRefused, match="more than 500 starts"):
        await here.service.backfill("test", day("2025-01-01"), day("2025-01-02"))
    with pytest.raises(InputRefused, match="no start between"):
        await here.service.backfill("test", day("2025-01-01T00:00:01"), day("2025-01-01T00:00:59"))


async def test_tenants_have_schedules_of_their_own(here: Here) -> None:
    service = here.installation.service
    one, two = (ScheduleService(service.of(name)) for name in ("one", "two"))
    await one.create(content("report", goal={"description": "of one"}))
    await two.create(content("report", goal={"description": "of two"}))
    await two.create(content("audit"))
    for each, names in ((one, ["report"]), (two, ["audit", "report"])):

        async def are_listed(
            each: ScheduleService = each, names: Sequence[str] = tuple(names)
        ) -> bool:
            return [record.schedule.name for record in await each.list()] == [*names]

        await until_async(are_listed, "both lists")
    with pytest.raises(UnknownSchedule):
        await one.get("audit")
    with pytest.raises(UnknownSchedule):
        await here.service.get("report")
    await one.trigger("report")

    async def came() -> list[GoalRecord]:
        return await service.of("one").stores.goals.list(status=GoalStatus.COMPLETED)

    [goal] = await until_async(came, "its goal")
    assert (goal.tenant, goal.description) == ("one", "of one")
    assert await service.of("two").stores.goals.list() == []
    await one.delete("report")
    assert (await two.get("report")).schedule.goal.description == "of two"


async def test_what_is_listed_is_short(here: Here) -> None:
    goal = {"description": "x" * 5_000, "parameters": {"gate": "y" * 1_000}}
    await here.create(goal=goal, overlap=OverlapPolicy.BUFFER_ONE)

    async def listed() -> ScheduleRecord | None:
        return next(iter(await here.service.list()), None)

    record = await until_async(listed, "a list with it")
    assert record is not None
    assert record.starts is None
    assert record.schedule.goal.description.endswith("(5,000 characters in all)")
    assert record.schedule.goal.parameters == {}
    whole = (await here.service.get("test")).schedule
    assert whole.goal == GoalContent.model_validate({"goal_id": "test", "agent_type": "say"} | goal)
    assert whole.overlap is OverlapPolicy.BUFFER_ONE


async def test_its_histories_replay(here: Here, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    following = [{"goal_id": "second", "agent_type": "say", "description": "{result}"}]
    watched = {"parameters": {"path": str(tmp_path / "a.csv")}}
    await here.create(goal=watched, on_success=following, only_if_changed=True)
    await here.create("fails", goal={"parameters": {"fail": True}})
    await here.trigger("test", StartStatus.COMPLETED, 1)
    await here.trigger("test", StartStatus.UNCHANGED, 1)
    await here.trigger("fails", StartStatus.FAILED, 1)
    client = here.installation.client
    kinds = {"test": ["schedule-followed", "schedule-unchanged"], "fails": ["schedule-failed"]}
    for name, expected in kinds.items():
        described = await client.get_schedule_handle(here.service.id_of(name)).describe()
        for kind, each in zip(expected, described.info.recent_actions, strict=True):
            assert isinstance(each.action, ScheduleActionExecutionStartWorkflow)
            run_id = each.action.first_execution_run_id
            events = await here.installation.replay(each.action.workflow_id, kind, run_id)
            children = events.count("start_child_workflow_execution_initiated_event_attributes")
            assert children == {"followed": 2, "unchanged": 0, "failed": 1}[kind.split("-")[1]]


async def test_a_server_that_is_away_is_said_to_be(here: Here) -> None:
    installation = here.installation
    away = await connect(f"127.0.0.1:{free_port()}", lazy=True)
    service = GoalService(away, installation.stores, installation.service.registry)
    schedules = ScheduleService(service)
    for call in (schedules.get("test"), schedules.list(), schedules.create(content())):
        with pytest.raises(TemporalUnavailable, match="no Temporal server answers"):
            await call
