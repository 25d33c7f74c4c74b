"""The names of waits: the same on every pass of a run, and known to who ends one."""

import uuid
from typing import Final

from perdure.agents.steps.keys import StepKey

_NAMESPACE: Final = uuid.UUID("5b1c8f0e-4f0a-5d55-9f37-0f6c1a6d7e21")


def wait_id(workflow_id: str, what: str) -> str:
    """Return the name of a wait, 32 hexadecimal digits.

    Args:
        workflow_id: The run that waits.
        what: What it waits for: see :func:`step_wait` and :func:`~.signals.signal_wait`.
    """
    return uuid.uuid5(_NAMESPACE, f"{workflow_id}\n{what}").hex


def step_wait(key: StepKey) -> str:
    """Return what the wait of a step is called."""
    return f"{key.name}:{key.digest}:{key.occurrence}"


def child_uuid(wait: str) -> uuid.UUID:
    """Return what makes the workflow id of a delegate's run unique."""
    return uuid.uuid5(_NAMESPACE, wait)
