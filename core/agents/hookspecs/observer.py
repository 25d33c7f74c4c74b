"""The observer: receives the events of runs; a plugin registers it."""

from collections.abc import Awaitable
from typing import Protocol

from perdure.models import Event


class Observer(Protocol):
    """Receives the events of every run of this worker."""

    def on_event(self, event: Event) -> Awaitable[None]:
        """Receive an event, after it is stored.

        A call that raises or takes longer than five seconds is counted and logged; no goal fails.
        """
