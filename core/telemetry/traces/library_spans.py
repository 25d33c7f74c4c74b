"""The spans of pydantic-ai, whose agents run again from their first line in every execution.

What they ask models and tools is then answered from the journal, and spans of that would show work
where there is none. pydantic-ai leaves them out where it is told which work was done again.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from perdure.telemetry.traces.process import is_on

_LIBRARY: Final = "pydantic_ai"


@contextmanager
def answered_work_left_out() -> Iterator[None]:
    """Leave out, in the block, the spans of an agent whose work is answered from the journal."""
    if not is_on() or _LIBRARY not in sys.modules:
        yield
        return
    from pydantic_ai.durable_exec import replay_scope

    with replay_scope():
        yield


def count_step(*, executed: bool) -> None:
    """Say that a step has ended: by being executed, or by an answer from the journal."""
    if _LIBRARY in sys.modules:
        from pydantic_ai.durable_exec import record_durable_unit

        record_durable_unit(executed=executed)
