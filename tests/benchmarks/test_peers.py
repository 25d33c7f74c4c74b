"""The comparison with others, on its own program: the others' need environments of theirs."""

from pathlib import Path

import pytest

from benchmarks.peers.kills import Kill, Kills, KillSizes, measure_kills
from benchmarks.peers.measure import PERDURE, PROGRAMS
from benchmarks.peers.running_program import Program, running
from benchmarks.peers.served_program import Place
from benchmarks.peers.speed import Speed, SpeedSizes, crossing, measure_speed
from perdure.temporal.server.development_server import DevelopmentServer

SIZES = SpeedSizes({1: 2, 3: 1}, rounds=1, in_flight=2, goals_at_once=3)


@pytest.mark.asyncio(loop_scope="session")
async def test_goals_are_timed_one_at_a_time_and_at_once(
    server: DevelopmentServer, tmp_path: Path
) -> None:
    async with running(PERDURE, Place(tmp_path / "state", server.address)) as program:
        speed = (await measure_speed([program], SIZES))["Perdure"]
    assert [len(speed.seconds[steps]) for steps in (1, 3)] == [2, 1]
    assert speed.milliseconds(3) > 0
    assert speed.goals_per_second() > 0


@pytest.mark.asyncio(loop_scope="session")
async def test_a_killed_goal_goes_on_and_pays_for_one_step_at_most(
    server: DevelopmentServer, tmp_path: Path
) -> None:
    (kill,) = (await measure_kills(PERDURE, tmp_path, server.address, KillSizes(1))).kills
    assert kill.resumed
    assert kill.finished
    assert kill.paid_again <= 1
    assert kill.seconds is not None


def test_from_where_on_a_goal_of_ours_is_the_quicker_one() -> None:
    ours = Speed({3: [0.020], 20: [0.030], 100: [0.100]}, [])
    theirs = Speed({3: [0.010], 20: [0.040], 100: [0.200]}, [])
    assert crossing(ours, theirs) == pytest.approx(11.5)
    assert crossing(theirs, ours) == float("inf")
    assert crossing(ours, ours) == 3


def test_steps_paid_again_are_added_up() -> None:
    kills = Kills([Kill(2, 1, True, 0.5, True), Kill(3, 2, False, None, False)])
    assert kills.as_json() == {
        "kills": 2,
        "steps_paid_again": 3,
        "resumed_by_itself": 1,
        "finished": 1,
        "seconds_to_next_step_p50": 0.5,
        "seconds_to_next_step_max": 0.5,
    }


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.module)
def test_every_version_is_an_exact_one(program: Program) -> None:
    requirements = program.requirements
    assert all(line.count("==") == 1 for line in requirements)
    assert bool(requirements) == (program is not PERDURE)
