"""Workers that are processes of their own, for tests that kill and freeze them.

Run as a script it reads orders, one line of JSON each, and answers with the pid of a worker forked
for it: with everything imported, which takes a second, a worker is up in a tenth of one. The
workers end with the script, and the script with its standard input.

An order has ``home``, ``address``, and the places where its worker ``dies`` (once in all) or
``halts`` (until the test opens the place). What agents do to the world stands in ``bill``, with the
pid of who did it.
"""

import asyncio
import json
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
from perdure.agents.plugins.loading import Loaded
from perdure.agents.plugins.registry import AgentRegistry, Plugin
from perdure.messages import TASK_QUEUE
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.runs.executions import ExecutionStore
from perdure.temporal.client.connection import connect
from perdure.temporal.worker.task_register import Registering

ORDER: dict[str, Any] = {}


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


async def work(order: dict[str, Any]) -> None:
    """Execute goals until killed."""
    ORDER.update(order)
    heartbeats.HEARTBEAT_SECONDS = 0.2  # type: ignore[misc]
    begin = ExecutionStore.begin

    async def begin_late(*given: Any) -> Any:
        await place("begin")
        return await begin(*given)

    ExecutionStore.begin = begin_late  # type: ignore[method-assign, assignment]
    settings = Settings(home=Path(order["home"]))
    plugin = Plugin("perdure-test", "1.0", "perdure_test", "loaded", agents=("paying",))
    spec = AgentSpec(name="paying", description="", agent=paying)
    registry = AgentRegistry.of({plugin: Loaded((), (spec,), ())}, [])
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
            interceptors=[Registering(settings.home)],
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


def main() -> None:
    """Fork a worker for each order."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to wait for the dead
    workers: list[int] = []
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                order = json.loads(line)
                log = Path(order["home"]) / f"worker-{os.getpid()}.log"
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                written = os.open(log, os.O_WRONLY | os.O_CREAT)
                os.dup2(written, 1)
                os.dup2(written, 2)
                asyncio.run(work(order))
            finally:
                os._exit(1)
        workers.append(pid)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    for pid in workers:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
