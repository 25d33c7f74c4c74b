"""What 50 installed plugins add to ``perdure agents``, and to ``--help``, which loads none.

Whole processes are timed in turn, with the plugins and without: with a folder on ``PYTHONPATH``
that holds them as pip would have installed them, and with one that is empty.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from compileall import compile_dir
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.verdict import Figure, print_verdict, report

PLUGINS = 50
ROUNDS = 15
WARM_UP = 2
MOST_SECONDS = 0.3
# What two series of the same process differ by on a machine that does nothing else.
NOISE_SECONDS = 0.015

_PARAMETERS = '''"""What the agent {name} takes."""

from typing import Literal

from pydantic import BaseModel, Field


class Parameters(BaseModel):
    """What the agent {name} takes."""

    city: str = Field("Oslo", min_length=1, description="Where to look.")
    days: int = Field(3, ge=1, le=14, description="How many days ahead.")
    unit: Literal["celsius", "fahrenheit"] = Field("celsius", description="The unit.")
    stations: list[str] = Field([], description="Which stations to ask; all when empty.")
    strict: bool = Field(False, description="Whether a silent station is an error.")
'''
_AGENT = '''"""The agent {name}."""

from perdure.agents import Goal, InputError, Result, Run, agent
from {module}.parameters import Parameters


def measure(city: str, day: int) -> float:
    """Return a day's temperature in degrees Celsius."""
    return len(city) + day / 2


@agent(name="{name}", examples=("How warm will it be?",))
async def forecast(run: Run, goal: Goal, parameters: Parameters) -> Result:
    """Tells how warm it will be, day by day."""
    if parameters.strict and not parameters.stations:
        raise InputError("there is no station to be strict with: name one in stations")
    found: list[float] = []
    for day in range(parameters.days):
        await run.progress(100 * day / parameters.days, f"day {{day + 1}}")
        found.append(await run.step("measure", measure, parameters.city, day))
    return Result(summary=f"{{max(found):.0f}} degrees at most", data={{"days": found}})
'''
_PLUGIN = '''"""What this distribution brings to Perdure."""

from collections.abc import Iterable

from perdure.agents import AgentSpec, hookimpl
from {module}.agent import forecast


@hookimpl
def register_agents() -> Iterable[AgentSpec]:
    """Bring the agent."""
    return [forecast]
'''
_METADATA = """Metadata-Version: 2.4
Name: {distribution}
Version: 1.0.{number}
Summary: A Perdure agent that tells how warm it will be.
Keywords: perdure-plugin
Requires-Python: >=3.11
Requires-Dist: perdure<0.2,>=0.1
Requires-Dist: pydantic>=2.11
Requires-Dist: pytest>=8.4; extra == "test"

"""


def install(site: Path, number: int) -> None:
    """Put a plugin where pip would have, compiled as pip does."""
    name, module = f"forecast-{number}", f"perdure_forecast_{number}"
    values = {
        "name": name,
        "module": module,
        "distribution": f"perdure-{name}",
        "number": number,
    }
    package = site / module
    metadata = site / f"{module}-1.0.{number}.dist-info"
    for folder in (package, metadata):
        folder.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parameters.py").write_text(_PARAMETERS.format(**values))
    (package / "agent.py").write_text(_AGENT.format(**values))
    (package / "plugin.py").write_text(_PLUGIN.format(**values))
    readme = "\n".join(f"Line {line} of what it is for and how it is used." for line in range(80))
    (metadata / "METADATA").write_text(_METADATA.format(**values) + readme)
    compile_dir(package, quiet=1)
    (metadata / "entry_points.txt").write_text(f"[perdure]\n{name} = {module}.plugin\n")


@dataclass(frozen=True)
class Times:
    """Seconds from a process's start to its exit, and those that it kept a processor busy."""

    wall: float
    processor: float

    def __sub__(self, other: "Times") -> "Times":
        return Times(self.wall - other.wall, self.processor - other.processor)


def time_once(arguments: list[str], site: Path, home: Path) -> Times:
    """Run ``perdure`` once."""
    environment = os.environ | {"PYTHONPATH": str(site), "PERDURE_HOME": str(home)}
    busy = _busy_seconds()
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "perdure.cli", *arguments],
        cwd=home,
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return Times(time.perf_counter() - started, _busy_seconds() - busy)


def _busy_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def compare(arguments: list[str], none: Path, many: Path, home: Path) -> tuple[Times, Times]:
    """Return the median times without the plugins, and what they add in the median pair."""
    without, added = [], []
    for turn in range(WARM_UP + ROUNDS):
        # Who comes first changes, or whatever a process leaves behind would be held against one.
        if turn % 2:
            with_them = time_once(arguments, many, home)
            alone = time_once(arguments, none, home)
        else:
            alone = time_once(arguments, none, home)
            with_them = time_once(arguments, many, home)
        if turn >= WARM_UP:
            without.append(alone)
            added.append(with_them - alone)
    told = f"perdure {arguments[0]}: {_median(without).wall:.3f} s, and"
    report(f"{told} {_median(added).wall:+.3f} s with {PLUGINS} plugins")
    return _median(without), _median(added)


def _median(times: list[Times]) -> Times:
    return Times(
        statistics.median(one.wall for one in times),
        statistics.median(one.processor for one in times),
    )


def count_agents(site: Path, home: Path) -> int:
    """Return how many of the plugins' agents ``perdure agents`` lists."""
    listed = subprocess.run(
        [sys.executable, "-m", "perdure.cli", "agents"],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(site), "PERDURE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return sum(line.startswith("forecast-") for line in listed.stdout.splitlines())


def measure(folder: Path) -> bool:
    """Measure in a folder of its own and print the verdict."""
    none, many, home = (folder / name for name in ("none", "many", "home"))
    for place in (none, many, home):
        place.mkdir()
    for number in range(PLUGINS):
        install(many, number)
    listed = count_agents(many, home)
    report(f"perdure agents lists {listed} agents of {PLUGINS} plugins")
    agents, agents_added = compare(["agents"], none, many, home)
    shown, help_added = compare(["--help"], none, many, home)
    return print_verdict(
        {
            "plugins_listed": Figure(listed, PLUGINS, "at least"),
            "agents_added_seconds": Figure(agents_added.wall, MOST_SECONDS, "at most"),
            "help_added_seconds": Figure(help_added.wall, NOISE_SECONDS, "at most"),
        },
        {
            "pairs": ROUNDS,
            "agents_seconds": round(agents.wall, 4),
            "help_seconds": round(shown.wall, 4),
            "agents_added_processor_seconds": round(agents_added.processor, 4),
            "help_added_processor_seconds": round(help_added.processor, 4),
        },
    )


def main() -> bool:
    """Run the benchmark; whether every target is reached."""
    with TemporaryDirectory(prefix="perdure-benchmark-") as folder:
        return measure(Path(folder))
