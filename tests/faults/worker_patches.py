"""What a worker under test patches beside its agents: shorter timeouts, and stores that can fail.

A worker is the product as it is, ``perdure worker``; nothing here is an option of it. Faults that
no other process can bring about come from here, switched by files.
"""

import importlib
import os
import pkgutil
import sqlite3
import sys
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from tests.faults.effects import folder

CLOCK: Final = "PERDURE_FAULT_CLOCK"
STORES_GONE: Final = "stores-gone"
EVENTS_GONE: Final = "events-gone"
VERSION: Final = int(os.environ.get("PERDURE_FAULT_VERSION", "1"))
HEARTBEAT_TIMEOUT: Final = timedelta(seconds=4)
BLOCKED_SECONDS: Final = 5.5


def apply() -> None:
    """Patch this process as the tests need it."""
    from perdure.activities import heartbeats
    from perdure.temporal.worker import worker
    from perdure.workflows import agent_goal

    agent_goal.HEARTBEAT_TIMEOUT = HEARTBEAT_TIMEOUT
    # Where the first and the last activity are slow, for the stores are away, they begin anew.
    agent_goal.PREPARE_TIMEOUT = agent_goal.STORE_TIMEOUT = timedelta(seconds=20)
    heartbeats.HEARTBEAT_SECONDS = 0.5  # type: ignore[misc]
    worker.HEARTBEAT_THROTTLE = timedelta(seconds=0.5)  # type: ignore[misc]
    event.listen(Engine, "before_cursor_execute", _check_stores)
    shift = float(os.environ.get(CLOCK, "0"))
    if shift:
        move_clock(timedelta(seconds=shift))


def _check_stores(
    _connection: object, _cursor: object, statement: str, parameters: Any, *_: object
) -> None:
    away = (folder() / STORES_GONE).exists()
    writes_events = "INTO events" in statement and (folder() / EVENTS_GONE).exists()
    if away or writes_events:
        raise OperationalError(statement, parameters, sqlite3.OperationalError("it is gone"))


def move_clock(shift: timedelta) -> None:
    """Let the clock that Perdure reads be wrong."""
    import perdure

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            now = datetime.now(UTC) + shift
            return now.astimezone(tz) if tz else now.astimezone().replace(tzinfo=None)

    for module in pkgutil.walk_packages(perdure.__path__, "perdure."):
        left_out = ("perdure.testing", "perdure.stores.database.migrations")
        if not module.name.startswith(left_out) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name, loaded in list(sys.modules.items()):
        if name.startswith("perdure") and vars(loaded).get("datetime") is datetime:
            loaded.datetime = Shifted  # type: ignore[attr-defined]
