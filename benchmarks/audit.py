"""What the audit trail costs: goals a second with it and without, and a million facts verified.

The rate is that of whole goals of three steps, fifty in flight: turns with the trail and without,
in pairs, each with a home and a server of its own. What counts is the median of what the pairs
differ by: a machine that is slow for a while is so for both turns of a pair, or spoils few of them.
The million facts are exported and verified as an auditor would, from a file.
"""

import itertools
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.overhead import RunOne, latencies, rate
from benchmarks.verdict import Figure, print_verdict, report
from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin
from perdure.agents.plugins.registry import AgentRegistry
from perdure.audit.canonical import canonical, sha256
from perdure.audit.keys import SigningKey
from perdure.audit.merkle import merkle_root
from perdure.audit.seals import Seal, SignedSeal
from perdure.audit.verification import export_line, fact_line, verify
from perdure.cli.runtime.event_loop import run_async
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.audit.seal_store import MAX_FACTS
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import DevelopmentServer, run_development_server
from perdure.temporal.worker.run_worker import run_worker

WARM_UP: Final = 20
GOALS: Final = 100
PAIRS: Final = 20
FACTS: Final = 1_000_000


async def nothing(number: int) -> int:
    """Be a step that does nothing."""
    return number


async def three_steps(run: Run, _goal: Goal) -> Result:
    """Be an agent of three steps that do nothing."""
    for number in range(3):
        await run.step("nothing", nothing, number)
    return Result()


@asynccontextmanager
async def goals(server: DevelopmentServer, home: Path, audit_key: str) -> AsyncIterator[RunOne]:
    """Give a function that runs one goal to its end, with the audit trail or without."""
    spec = AgentSpec(name="three-steps", description="Does nothing.", agent=three_steps)
    plugin = Plugin("benchmark", "1", "benchmark", "loaded", agents=("three-steps",))
    registry = AgentRegistry.from_loaded({plugin: LoadedPlugin((), (spec,), ())}, [])
    settings = Settings(home=home, database_url="", audit_key=audit_key)
    client = await connect(server.address)
    async with open_stores(settings) as stores:
        service = GoalService(client, stores, registry)

        async def run_one(number: int) -> None:
            goal = Goal(goal_id=str(number), description="nothing", agent_type="three-steps")
            workflow_id = await service.start(goal)
            await client.get_workflow_handle(workflow_id).result()

        async with run_worker(client, stores, registry, settings):
            yield run_one


class Turn(NamedTuple):
    """What a turn of goals came to.

    Attributes:
        rate: Goals a second.
        processor: Seconds of the processor that this process took for each.
    """

    rate: float
    processor: float


async def turn(run_one: RunOne, numbers: "itertools.count[int]") -> Turn:
    """Run some goals, fifty in flight."""
    began = time.process_time()
    per_second = await rate(run_one, numbers, GOALS)
    return Turn(per_second, (time.process_time() - began) / GOALS)


async def in_pairs(folder: Path) -> list[tuple[Turn, Turn]]:
    """Return turns without the trail and with it, by pair."""
    binary = (await ensure_server_binary(Settings(), report)).path
    key = folder / "audit-key.pem"
    key.touch(mode=0o600)
    key.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    )
    numbers, pairs = itertools.count(), []
    # Each has a server of its own, since all workers of one take the goals of all.
    async with (
        run_development_server(binary, folder / "server-off", port=0, ui_port=0) as server_off,
        run_development_server(binary, folder / "server-on", port=0, ui_port=0) as server_on,
        goals(server_off, folder / "off", "") as without,
        goals(server_on, folder / "on", str(key)) as with_trail,
    ):
        for run_one in (without, with_trail):
            await latencies(run_one, numbers, WARM_UP)
        for pair in range(PAIRS):
            # Who goes first changes.
            if pair % 2:
                on = await turn(with_trail, numbers)
                off = await turn(without, numbers)
            else:
                off = await turn(without, numbers)
                on = await turn(with_trail, numbers)
            report(f"pair {pair + 1}: {off.rate:.1f} goals/s without it, {on.rate:.1f} with it")
            pairs.append((off, on))
    return pairs


def write_export(file: Path, key: SigningKey, facts: int) -> None:
    """Write an export of so many facts as they are after a step, ten thousand to a seal."""
    previous, total = "", 0
    with file.open("wb") as target:
        target.write(export_line("benchmark"))
        for number in range(1, -(-facts // MAX_FACTS) + 1):
            first, last = total + 1, min(facts, number * MAX_FACTS)
            rows = []
            for each in range(first, last + 1):
                digest = sha256(str(each).encode())
                text = canonical(
                    {
                        "at": "2026-11-27T12:00:00.000000Z",
                        "data": {"step": "look", "number": each, "input": digest, "output": digest},
                        "kind": "step.completed",
                        "subject": f"goal-{each // 10}-{digest[:32]}",
                        "tenant": "default",
                        "who": "",
                    }
                )
                rows.append((each, sha256(text)))
                target.write(fact_line(each, rows[-1][1], text.decode()))
            total = last
            seal = Seal(
                number=number, previous=previous, at=datetime.now(UTC), first=first, last=last,
                gaps=[], late=[], count=len(rows), total=total, root=merkle_root(rows),
                stores="benchmark", key=key.public.id,
            )  # fmt: skip
            target.write(SignedSeal.sign(seal, key).line() + b"\n")
            previous = seal.hash()


def seconds_to_verify(folder: Path, facts: int) -> float:
    """Return how long it takes to verify an export of so many facts."""
    key = SigningKey(Ed25519PrivateKey.generate())
    file = folder / "trail.jsonl"
    write_export(file, key, facts)
    began = time.perf_counter()
    with file.open("rb") as lines:
        found = verify(lines, [key.public])
    seconds = time.perf_counter() - began
    if not found.holds or found.facts != facts:
        raise AssertionError(f"the export does not verify: {found.findings[:3]}")
    return seconds


async def measure(facts: int) -> bool:
    """Measure and print the verdict."""
    with TemporaryDirectory(prefix="perdure-benchmark-") as folder:
        verified = seconds_to_verify(Path(folder), facts)
        report(f"{facts:,} facts verified in {verified:.1f} s")
        pairs = await in_pairs(Path(folder))
    cost = statistics.median(1 - on.rate / off.rate for off, on in pairs)
    processor = statistics.median(on.processor / off.processor - 1 for off, on in pairs)
    report(f"the trail takes {cost:.1%} of the rate, and {processor:.1%} more of the processor")
    return print_verdict(
        {
            "rate_cost": Figure(cost, 0.05, "at most"),
            "verify_seconds": Figure(verified, 60, "at most"),
        },
        {
            "facts": facts,
            "goals_per_second": [(round(off.rate, 1), round(on.rate, 1)) for off, on in pairs],
            "processor_cost": round(processor, 4),
        },
    )


def main(facts: str = str(FACTS)) -> bool:
    """Run the benchmark; whether every target is reached.

    Args:
        facts: How many are verified.
    """
    return run_async(measure(int(facts)))
