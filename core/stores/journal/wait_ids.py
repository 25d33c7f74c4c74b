"""Ids of waits, which every execution of a run and whatever ends a wait compute alike."""

import uuid
from typing import Final

from perdure.agents.steps.keys import StepKey

_NAMESPACE: Final = uuid.UUID("5b1c8f0e-4f0a-5d55-9f37-0f6c1a6d7e21")


def wait_id(workflow_id: str, name: str) -> str:
    """Return the id of a wait, 32 hexadecimal digits.

    Args:
        workflow_id: The run that waits.
        name: The wait's name within the run: :func:`step_wait` or :func:`~.signals.signal_wait`.
    """
    return uuid.uuid5(_NAMESPACE, f"{workflow_id}\n{name}").hex


def step_wait(key: StepKey) -> str:
    """Return the name of a step's wait, for :func:`wait_id`."""
    return f"{key.name}:{key.digest}:{key.occurrence}"


def child_uuid(wait: str) -> uuid.UUID:
    """Return the unique part of a delegate's workflow id."""
    return uuid.uuid5(_NAMESPACE, wait)
