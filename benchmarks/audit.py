"""What the audit trail costs: goals a second with it and without, and a million facts verified.

The rate is that of whole goals of three steps, fifty in flight, on one server: turns with the trail
and without it, in pairs, each with a home of its own; what counts is the median of what the pairs
differ by. The million facts are exported and verified as an auditor would, from a file.
"""

import itertools
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

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
GOALS: Final = 200
PAIRS: Final = 8
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


async def rates(folder: Path) -> list[tuple[float, float]]:
    """Return goals a second without the trail and with it, by pair."""
    binary = await ensure_server_binary(Settings(), report)
    key = folder / "audit-key.pem"
    key.touch(mode=0o600)
    key.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    )
    numbers, pairs = itertools.count(), []

    async def turn(server: DevelopmentServer, name: str, audit_key: str) -> float:
        async with goals(server, folder / name, audit_key) as run_one:
            await latencies(run_one, numbers, WARM_UP)
            return await rate(run_one, numbers, GOALS)

    async with run_development_server(binary.path, folder / "server", port=0, ui_port=0) as server:
        for pair in range(PAIRS):
            # Who goes first changes: the server has more to carry with each turn.
            if pair % 2:
                on = await turn(server, f"on-{pair}", str(key))
                off = await turn(server, f"off-{pair}", "")
            else:
                off = await turn(server, f"off-{pair}", "")
                on = await turn(server, f"on-{pair}", str(key))
            report(f"pair {pair + 1}: {off:.1f} goals/s without the trail, {on:.1f} with it")
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
        pairs = await rates(Path(folder))
    cost = statistics.median(1 - on / off for off, on in pairs)
    report(f"the trail takes {cost:.1%} of the rate of goals")
    return print_verdict(
        {
            "rate_cost": Figure(cost, 0.05, "at most"),
            "verify_seconds": Figure(verified, 60, "at most"),
        },
        {
            "facts": facts,
            "pairs": [(round(off, 1), round(on, 1)) for off, on in pairs],
        },
    )


def main(facts: str = str(FACTS)) -> bool:
    """Run the benchmark; whether every target is reached.

    Args:
        facts: How many are verified.
    """
    return run_async(measure(int(facts)))
