"""Workers that are processes of their own, and may be killed.

Run as a script it reads orders, one line of JSON each (``home``, ``address``, ``library``,
``environment``), and answers with the pid of a worker that is forked for it, with the three
libraries imported, and executes that library's agent until it is killed. The workers end with the
script, and the script with its standard input.
"""

import asyncio
import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from temporalio.worker import Worker

from perdure.activities.clean_up import CleanUp
from perdure.activities.execute import Execute
from perdure.agents.plugins.loading import Loaded
from perdure.agents.plugins.registry import AgentRegistry, Plugin
from perdure.messages import TASK_QUEUE
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.worker.task_register import Registering
from tests.adapters.scripted import Tools, made


async def work(order: dict[str, Any]) -> None:
    """Execute goals until killed."""
    home = Path(order["home"])
    spec = made(order["library"], Tools(home))
    plugin = Plugin("perdure-test", "1.0", "perdure_test", "loaded", agents=(spec.name,))
    registry = AgentRegistry.of({plugin: Loaded((), (spec,), ())}, [])
    settings = Settings(home=home)
    async with open_stores(settings) as stores:
        execute = Execute(stores, registry, settings)
        async with Worker(
            await connect(order["address"]),
            task_queue=TASK_QUEUE,
            activities=[execute.execute_agent_task, CleanUp(registry).clean_up_agent],
            interceptors=[Registering(home)],
        ):
            await asyncio.Event().wait()


def begin(order: dict[str, Any]) -> None:
    """Be a worker."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(order["environment"])
    log = os.open(Path(order["home"]) / f"worker-{os.getpid()}.log", os.O_WRONLY | os.O_CREAT)
    for stream, there in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(there, stream)
    asyncio.run(work(order))


def main() -> None:
    """Fork a worker for each order."""
    for library in ("langgraph", "openai_agents", "pydantic_ai"):
        importlib.import_module(f"perdure.adapters.{library}")
    importlib.import_module("langchain_openai")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to wait for the dead
    workers: list[int] = []
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                begin(json.loads(line))
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
