"""``perdure api`` as it is, but for a clock at its calls to Temporal: a process of its own.

``python -m benchmarks.api.timed_api FILE ARGUMENTS…``: ARGUMENTS are those of ``perdure``; FILE
gets a line for each workflow that it starts: the workflow's id, and the seconds of the call.
"""

import sys
import time
from functools import wraps
from pathlib import Path
from typing import Any, TextIO

from temporalio.client import Client, WorkflowHandle

from perdure.cli.main import main


def time_starts(times: TextIO) -> None:
    """Time every ``start_workflow`` of this process, as its caller waits for it."""
    start_workflow = Client.start_workflow

    @wraps(start_workflow)
    async def timed(self: Client, *arguments: Any, **named: Any) -> WorkflowHandle[Any, Any]:
        began = time.perf_counter()
        handle: WorkflowHandle[Any, Any] = await start_workflow(self, *arguments, **named)
        times.write(f"{named['id']} {time.perf_counter() - began}\n")
        return handle

    Client.start_workflow = timed  # type: ignore[method-assign]


if __name__ == "__main__":
    with Path(sys.argv[1]).open("w", buffering=1, encoding="utf-8") as file:
        time_starts(file)
        sys.argv = ["perdure", *sys.argv[2:]]
        main()
