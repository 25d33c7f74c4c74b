"""How long goals of no-op steps take with each peer: one at a time, and many in flight."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.peers.running_program import RunningProgram
from benchmarks.verdict import report

STEPS_AT_ONCE = 3


@dataclass(frozen=True)
class SpeedSizes:
    """How much is measured.

    Attributes:
        goals: How many goals one at a time, for each number of steps.
        rounds: In how many turns: peers take turns, so that none has the quieter machine.
        in_flight: How many goals are in flight at once.
        goals_at_once: How many goals each of the rounds with so many in flight has.
    """

    goals: Mapping[int, int]
    rounds: int
    in_flight: int
    goals_at_once: int


@dataclass(frozen=True)
class Speed:
    """What was measured of a peer.

    Attributes:
        seconds: Of each goal, by its number of steps.
        rates: Goals a second with many in flight, of each round.
    """

    seconds: dict[int, list[float]]
    rates: list[float]

    def milliseconds(self, steps: int) -> float:
        """Return the median time of a goal."""
        return statistics.median(self.seconds[steps]) * 1000

    def milliseconds_a_step(self) -> float:
        """Return what one more step adds, between the shortest and the longest goals."""
        few, many = min(self.seconds), max(self.seconds)
        return (self.milliseconds(many) - self.milliseconds(few)) / (many - few)

    def goals_per_second(self) -> float:
        """Return the median rate."""
        return statistics.median(self.rates)


async def measure_speed(programs: Sequence[RunningProgram], sizes: SpeedSizes) -> dict[str, Speed]:
    """Measure all of them in turns; return what was measured by the peer's name."""
    found = {one.program.name: Speed({steps: [] for steps in sizes.goals}, []) for one in programs}
    for program in programs:
        await program.ask("one at a time", goals=sizes.rounds, steps=min(sizes.goals))  # warm
    for turn in range(sizes.rounds):
        ordered = list(programs)[turn % len(programs) :] + list(programs)[: turn % len(programs)]
        for program in ordered:
            speed = found[program.program.name]
            for steps, goals in sizes.goals.items():
                count = -(-goals // sizes.rounds)
                speed.seconds[steps] += await program.ask("one at a time", goals=count, steps=steps)
            speed.rates.append(
                await program.ask(
                    "at once",
                    goals=sizes.goals_at_once,
                    steps=STEPS_AT_ONCE,
                    in_flight=sizes.in_flight,
                )
            )
            report(f"round {turn + 1}, {program.program.name}: {speed.rates[-1]:.1f} goals/s")
    return found


def crossing(ours: Speed, theirs: Speed) -> float:
    """Return from how many steps on a goal of ours takes no longer than theirs.

    Between two measured lengths the times are taken for straight lines; infinity when the longest
    goal is still the slower one.
    """
    lengths = sorted(ours.seconds)
    behind = [ours.milliseconds(steps) - theirs.milliseconds(steps) for steps in lengths]
    if behind[-1] > 0:
        return float("inf")
    last_behind = max((index for index, gap in enumerate(behind) if gap > 0), default=None)
    if last_behind is None:
        return float(lengths[0])
    few, many = lengths[last_behind : last_behind + 2]
    before, after = behind[last_behind : last_behind + 2]
    return few + (many - few) * before / (before - after)
