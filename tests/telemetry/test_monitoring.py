"""The alerts and dashboards of ``deploy``, with a real Prometheus that scrapes an installation."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from pydantic import BaseModel
from pydantic_ai import Agent as PydanticAgent
from temporalio.runtime import Runtime

from perdure.agents import AgentSpec, Goal, InputError, Result, Run, Usage
from perdure.api.metrics_site import serve_metrics
from perdure.api.server import listen, serve
from perdure.settings import Address, Settings
from perdure.stores import Stores, open_stores
from perdure.stores.runs.workers import WorkerProcess
from perdure.telemetry.metrics import recording
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.client.sdk_runtime import use_measured_runtime
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.server.ports import free_port
from perdure.temporal.worker.worker import build_worker
from perdure.web.site import create_site
from tests.support.plugins import registry_of
from tests.support.prometheus import RULES, Prometheus, needs_prometheus, run_prometheus
from tests.support.until import until_async

ROOT: Final = Path(__file__).parents[2]
DASHBOARDS: Final = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
ALERTS: Final = re.findall(r"alert: (\w+)", RULES.read_text(encoding="utf-8"))


def run_promtool(*arguments: object) -> str:
    done = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_prometheus
def test_prometheus_takes_the_rules_and_the_configuration() -> None:
    assert "SUCCESS: 17 rules found" in run_promtool("check", "rules", RULES)
    run_promtool("check", "config", RULES.with_name("prometheus.yml"))


@needs_prometheus
def test_every_alert_fires_with_its_fault_and_clears_after() -> None:
    cases = Path(__file__).with_name("alerts.test.yml")
    assert re.findall(r"name: (\w+)\n    input", cases.read_text(encoding="utf-8")) == ALERTS
    run_promtool("test", "rules", cases)


def test_every_alert_has_a_runbook() -> None:
    pages = re.findall(r"runbook: (\S+)", RULES.read_text(encoding="utf-8"))
    assert len(pages) == len(ALERTS)
    for alert, page in zip(ALERTS, pages, strict=True):
        assert (ROOT / page).read_text(encoding="utf-8").startswith(f"# {alert}: ")


class Parameters(BaseModel):
    do: str = "work"


async def works(run: Run, goal: Goal) -> Result:
    if goal.parameters["do"] == "ask":
        await run.approve("well?", {})
    await run.step("pay", partial(pay, run))
    await run.step("walk", str.upper, "x")
    await PydanticAgent(run.model).run("what is it?")
    if goal.parameters["do"] == "fail":
        raise InputError("it was told to fail: say otherwise")
    return Result(summary="done")


async def pay(run: Run) -> None:
    await run.spend(Usage(input_tokens=10, output_tokens=5, cost=9.0), model="some-model")


WORKS: Final = AgentSpec(name="works", description="", agent=works, parameters=Parameters)


class Monitored:
    """An installation, and a Prometheus that watches it with windows of seconds."""

    def __init__(self, api: httpx.AsyncClient, prometheus: Prometheus, stores: Stores):
        self.api = api
        self.stores = stores
        self.prometheus = prometheus

    async def hand_in(self, do: str) -> None:
        goal = {"goal_id": "g", "description": "d", "agent_type": "works", "parameters": {"do": do}}
        started = (await self.api.post("/api/execute-goal", json=goal)).json()
        path = f"/api/goals/{started['workflow_id']}"
        async with self.api.stream("GET", f"{path}/events") as events:
            async for line in events.aiter_lines():
                if do == "ask" and "approval.requested" in line:
                    return


@pytest_asyncio.fixture(loop_scope="session")
async def monitored(
    tmp_path: Path, own_home: Path, server: DevelopmentServer, model_server: Any
) -> AsyncIterator[Callable[..., Awaitable[Monitored]]]:
    """Return a function that runs an installation, and a Prometheus with more targets."""
    async with AsyncExitStack() as stack:

        async def run(*more: str) -> Monitored:
            own = recording.start()
            stack.callback(recording.stop)
            # Clients of other tests record nothing: nobody would read it.
            before = Runtime.default()
            stack.callback(Runtime.set_default, before, error_if_already_set=False)
            use_measured_runtime(own)
            settings = Settings(home=own_home, model=model_server.environment["PERDURE_MODEL"])
            registry = registry_of(WORKS, name="perdure-works")
            stores = await stack.enter_async_context(open_stores(settings))
            client = await connect(server.address)
            service = GoalService(client, stores, registry)
            recording.slots(7, lambda: 1)
            await stack.enter_async_context(build_worker(client, stores, registry, settings))
            url = await stack.enter_async_context(
                serve(create_site(service, settings), listen("127.0.0.1", 0), settings)
            )
            api = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60))
            prometheus = await stack.enter_async_context(
                run_prometheus(tmp_path, [url.removeprefix("http://"), *more])
            )
            return Monitored(api, prometheus, stores)

        yield run


@needs_prometheus
@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
async def test_every_panel_of_the_dashboards_shows_something(
    monitored: Callable[..., Awaitable[Monitored]], model_server: Any
) -> None:
    here = await monitored()
    panels = [
        (file.name, panel["title"], target["expr"].replace("$__rate_interval", "1m"))
        for file in DASHBOARDS
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]
        for target in panel["targets"]
    ]
    assert len(panels) > 30
    # Twice: a rate needs two samples, and the first is that of a series that has just begun.
    empty = panels
    for _ in range(8):
        for do in ("work", "fail", "ask"):
            await here.hand_in(do)
        await asyncio.sleep(1.0)  # Prometheus scrapes twice
        empty = [
            panel for panel in empty if not _has_numbers(await here.prometheus.query(panel[2]))
        ]
        if not empty:
            break
    assert empty == []


def _has_numbers(found: list[Any]) -> bool:
    return any(one["value"][1] != "NaN" for one in found)


@needs_prometheus
@pytest.mark.asyncio(loop_scope="session")
async def test_alerts_fire_when_something_is_wrong_and_clear_when_it_is_mended(
    monitored: Callable[..., Awaitable[Monitored]], own_home: Path
) -> None:
    second = free_port()
    here = await monitored(f"127.0.0.1:{second}")
    settings = Settings(home=own_home)

    async def nothing() -> list[Any]:
        return []

    # A process that is away, and one that answers there.
    await here.prometheus.until_fires("PerdureDown")
    async with serve_metrics(here.stores, settings, Address("127.0.0.1", second), nothing):
        await here.prometheus.until_clears("PerdureDown")
        # Nobody has said that a worker is there; then one does.
        await here.prometheus.until_fires("PerdureNoWorker")
        now = datetime.now(UTC)
        worker = WorkerProcess("a" * 32, "host", 1, "1", "", 5, now)
        await here.stores.workers.beat(worker, {}, 0)
        await here.prometheus.until_clears("PerdureNoWorker")
    # Goals that fail, and cost nine dollars each.
    await here.hand_in("work")
    await until_async(partial(here.prometheus.query, "perdure_goals_ended_total"))
    for _ in range(3):
        await asyncio.gather(*(here.hand_in("fail") for _ in range(4)))
        await asyncio.sleep(0.7)
    alerts = "PerdureFailures", "PerdureDeadLetters", "PerdureSpend"
    await here.prometheus.until_fires(*alerts)
    await here.prometheus.until_clears(*alerts)
