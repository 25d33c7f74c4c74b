"""What a worker of these tests does in a process of its own: it pays, and dies or halts on order.

An order has ``home``, ``address``, and the places where its worker ``dies`` (once in all) or
``halts`` (until the test opens the place). What agents do to the world stands in ``bill``, with the
pid of who did it.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.worker import Worker

from perdure.activities import heartbeats
from perdure.activities.clean_up import CleanUp
from perdure.activities.execute import Execute
from perdure.activities.prepare import Prepare
from perdure.activities.store import Store
from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.messages import TASK_QUEUE
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.runs.executions import ExecutionStore
from perdure.temporal.client.connection import connect
from perdure.temporal.worker.task_register import RegisterInterceptor
from tests.support.fork_server import Order
from tests.support.plugins import registry_of

ORDER: Order = {}


def add_line(name: str, line: str) -> None:
    """Append to a file of the test's, in one piece."""
    with (Path(ORDER["home"]) / name).open("a") as file:
        file.write(line + "\n")


async def place(name: str) -> None:
    """Come by a place where this worker may be told to die or to halt."""
    folder = Path(ORDER["home"])
    if name in ORDER["dies"]:
        with suppress(FileExistsError):
            (folder / f"died-{name}").touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)
    if name in ORDER["halts"]:
        (folder / f"at-{name}").touch()
        while not (folder / f"open-{name}").exists():  # noqa: ASYNC110 -- another process opens
            await asyncio.sleep(0.01)


async def pay(number: int) -> int:
    await place(f"{number}.before")
    add_line("bill", f"{number} {os.getpid()}")
    await place(f"{number}.after")
    return number


async def paying(run: Run, goal: Goal) -> Result:
    """Pay five times; with ``catches`` in its description, whatever happens."""
    paid = 0
    for number in range(5):
        try:
            paid += await run.step("pay", pay, number) >= 0
            await run.progress(20 * number, f"paid {number}")
        except Exception:
            if "catches" not in goal.description:
                raise
        except BaseException:
            if "everything" not in goal.description:
                raise
        await place(f"{number}.between")
    return Result(summary="paid", data={"paid": paid})


async def commanding(run: Run, goal: Goal) -> Result:
    """Run a program that ends at once, and then one that starts others and goes on for ever."""
    script = str(Path(__file__).with_name("starting_program.py"))
    counted = await run.command(["sh", "-c", "echo ran >> ran; cat ran"], cwd=ORDER["home"])
    await place("between")
    ended = await run.command([sys.executable, script, ORDER["home"]], name="serve")
    return Result(summary=counted.stdout + ended.stdout)


async def work(order: Order) -> None:
    """Execute goals until killed."""
    ORDER.update(order)
    heartbeats.HEARTBEAT_SECONDS = 0.2  # type: ignore[misc]
    start = ExecutionStore.start

    async def start_late(*arguments: Any) -> Any:
        await place("start")
        return await start(*arguments)

    ExecutionStore.start = start_late  # type: ignore[method-assign, assignment]
    settings = Settings(home=Path(order["home"]))
    registry = registry_of(
        AgentSpec(name="paying", description="", agent=paying),
        AgentSpec(name="commanding", description="", agent=commanding),
    )
    async with open_stores(settings) as stores:
        execute = Execute(stores, registry, settings)
        async with Worker(
            await connect(order["address"]),
            task_queue=TASK_QUEUE,
            activities=[
                execute.execute_agent_task,
                CleanUp(registry).clean_up_agent,
                Prepare(stores, registry).prepare_agent_context,
                Store(stores).store_agent_results,
            ],
            interceptors=[RegisterInterceptor(settings.home)],
            # A frozen worker still holds open what it asks the server for: with its one place
            # taken it asks for nothing, and no other task is lost in it.
            max_concurrent_activities=1,
            max_heartbeat_throttle_interval=timedelta(seconds=0.2),
            default_heartbeat_throttle_interval=timedelta(seconds=0.2),
        ):
            while True:
                before = len(asyncio.all_tasks())
                await asyncio.sleep(0.02)
                (Path(order["home"]) / f"tasks-{os.getpid()}").write_text(str(before))
