"""``perdure encryption reseal``: bring everything that is sealed under the newest key."""

import sys
import time
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.commands.encryption.key_table import print_keys
from perdure.cli.commands.encryption.show import resealing_of
from perdure.cli.output.printing import print_message
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.server_choice import this_machine_only

if TYPE_CHECKING:
    from perdure.stores.resealing.key_counts import KeyCounts
    from perdure.stores.resealing.resealing_store import Progress

_REPORT_SECONDS: Final = 2.0


@click.command()
@json_option
@handle_errors
@this_machine_only
def reseal(as_json: bool) -> None:
    """Seal what older keys have sealed with the first key of PERDURE_ENCRYPTION_KEYS.

    Goals go on meanwhile. It may be stopped at any time, and goes on where it was when it is run
    again. Afterwards the stores need no other key; status 1 when they do. What was stored before
    there were keys stays as it is.
    """
    sys.exit(0 if run_async(_reseal(as_json=as_json)) else 1)


async def _reseal(*, as_json: bool) -> bool:
    import os
    import socket

    from perdure.settings import Settings
    from perdure.stores import open_stores

    async with open_stores(Settings()) as stores:
        store = resealing_of(stores)
        holder = f"{os.getpid()}@{socket.gethostname()}"[:64]
        counts = await store.reseal(holder, _Reports().take)
        print_keys(store, counts, as_json=as_json)
    return _say_left(counts, store.cipher.key_id)


class _Reports:
    """Says on stderr how far it is: each part that had something, and every two seconds."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def take(self, progress: "Progress") -> None:
        """Say it, unless it was said a moment ago."""
        ended = progress.done == progress.total and progress.changed
        if not ended and time.monotonic() - self._last < _REPORT_SECONDS:
            return
        self._last = time.monotonic()
        print_message(
            f"{progress.part}: {progress.done:,} of {progress.total:,} looked at,"
            f" {progress.changed:,} sealed anew"
        )


def _say_left(counts: "KeyCounts", key_id: str) -> bool:
    for name in counts.damaged:
        print_message(f"{name} does not open and stays as it is: it was changed, or its key was")
    left = counts.left(key_id)
    if left:
        print_message(
            f"still needed: {', '.join(left)}; see that every process seals with {key_id!r}, that"
            " no key is missing, and run it again"
        )
    return not left and not counts.damaged
