"""What a worker of these tests does in a process of its own: it runs one library's agent.

An order has ``home``, ``address`` and ``library``.
"""

import asyncio
import importlib
from pathlib import Path

from temporalio.worker import Worker

from perdure.activities.clean_up import CleanUp
from perdure.activities.execute import Execute
from perdure.messages import TASK_QUEUE
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.worker.task_register import RegisterInterceptor
from tests.support.fork_server import Order
from tests.support.library_agents import Tools, library_agent
from tests.support.plugins import registry_of

# Before any process is forked.
for _library in ("langgraph", "openai_agents", "pydantic_ai"):
    importlib.import_module(f"perdure.adapters.{_library}")
importlib.import_module("langchain_openai")


async def work(order: Order) -> None:
    """Execute goals until killed."""
    home = Path(order["home"])
    spec = library_agent(order["library"], Tools(home))
    registry = registry_of(spec)
    settings = Settings(home=home)
    async with open_stores(settings) as stores:
        execute = Execute(stores, registry, settings)
        async with Worker(
            await connect(order["address"]),
            task_queue=TASK_QUEUE,
            activities=[execute.execute_agent_task, CleanUp(registry).clean_up_agent],
            interceptors=[RegisterInterceptor(home)],
        ):
            await asyncio.Event().wait()
