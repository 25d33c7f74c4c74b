"""Perdure beside DBOS, pydantic-ai on Temporal and LangGraph: what no-op steps cost and lose.

Each runs in a process and an environment of its own, in turns on this machine; those that use a
Temporal server use one, as Perdure tunes it. Then each process is killed again and again.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.peers.kills import Kills, KillSizes, measure_kills
from benchmarks.peers.running_program import Program, running
from benchmarks.peers.served_program import Place
from benchmarks.peers.speed import Speed, SpeedSizes, crossing, measure_speed
from benchmarks.verdict import Figure, print_verdict, report
from perdure.cli.runtime.event_loop import run_async
from perdure.settings import Settings
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import run_development_server

PERDURE = Program("Perdure", "perdure", shares_queue=True)
DBOS = Program("DBOS", "dbos")
PROGRAMS = (
    PERDURE,
    DBOS,
    Program("pydantic-ai on Temporal", "pydantic_ai"),
    Program("LangGraph", "langgraph"),
)
SPEED = SpeedSizes({3: 100, 20: 40, 100: 20}, rounds=5, in_flight=50, goals_at_once=150)
KILLS = KillSizes(20)
AHEAD_FROM_STEPS = 20


@dataclass(frozen=True)
class Measured:
    """What was measured, by the peer's name."""

    speed: dict[str, Speed]
    kills: dict[str, Kills]


async def measure(programs: tuple[Program, ...], speed: SpeedSizes, kills: KillSizes) -> Measured:
    """Measure some peers."""
    binary = await ensure_server_binary(Settings(), report)
    for program in programs:
        program.python()
    with TemporaryDirectory(prefix="perdure-benchmark-") as name:
        folder = Path(name)
        async with run_development_server(binary.path, folder / "temporal", port=0, ui_port=0) as (
            server
        ):
            async with AsyncExitStack() as stack:
                started = [
                    await stack.enter_async_context(
                        running(program, Place(folder / program.module, server.address))
                    )
                    for program in programs
                ]
                speeds = await measure_speed(started, speed)
            killed = {
                program.name: await measure_kills(program, folder, server.address, kills)
                for program in programs
            }
    return Measured(speeds, killed)


def details(programs: tuple[Program, ...], measured: Measured) -> dict[str, object]:
    """Return what is worth keeping of each peer."""
    return {
        program.name: {
            "version": next(
                (
                    line.split("==")[1]
                    for line in program.requirements
                    if line.split("==")[0].replace("-", "_").startswith(program.module)
                ),
                "this one",
            ),
            "goal_ms": {
                str(steps): round(measured.speed[program.name].milliseconds(steps), 2)
                for steps in measured.speed[program.name].seconds
            },
            "step_ms": round(measured.speed[program.name].milliseconds_a_step(), 3),
            "goals_per_second": round(measured.speed[program.name].goals_per_second(), 1),
            "kill": measured.kills[program.name].as_json(),
        }
        for program in programs
    }


def main() -> bool:
    """Run the benchmark; whether every target is reached."""
    measured = run_async(measure(PROGRAMS, SPEED, KILLS))
    ours, theirs = measured.speed[PERDURE.name], measured.speed[DBOS.name]
    peers = details(PROGRAMS, measured)
    for name, found in peers.items():
        report(f"{name}: {found}")
    lost = [not kill.finished or not kill.resumed for kill in measured.kills[PERDURE.name].kills]
    return print_verdict(
        {
            "ahead_of_dbos_from_steps": Figure(crossing(ours, theirs), AHEAD_FROM_STEPS, "at most"),
            "goals_per_second_at_50": Figure(ours.goals_per_second(), 77, "at least"),
            "steps_paid_again_a_kill": Figure(
                measured.kills[PERDURE.name].paid_again / KILLS.kills, 1, "at most"
            ),
            "goals_lost": Figure(sum(lost), 0, "at most"),
        },
        {
            "profile": "one embedded Temporal server, tuned; state on this machine's disk",
            "goals_in_flight": SPEED.in_flight,
            "peers": peers,
        },
    )
