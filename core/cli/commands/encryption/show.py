"""``perdure encryption show``: how much is sealed with which key."""

from typing import TYPE_CHECKING

import click

from perdure.cli.commands.encryption.key_table import print_keys
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.server_choice import this_machine_only

if TYPE_CHECKING:
    from perdure.stores import Stores
    from perdure.stores.resealing.resealing_store import ResealingStore


@click.command()
@json_option
@handle_errors
@this_machine_only
def show(as_json: bool) -> None:
    """Count the rows of the database and the objects of artifact storage by their keys.

    It looks at all of them, a little at a time.
    """
    run_async(_show(as_json=as_json))


async def _show(*, as_json: bool) -> None:
    from perdure.settings import Settings
    from perdure.stores import open_stores

    async with open_stores(Settings()) as stores:
        store = resealing_of(stores)
        print_keys(store, await store.count(), as_json=as_json)


def resealing_of(stores: "Stores") -> "ResealingStore":
    """Return what counts and seals anew.

    Raises:
        WrongInput: Nothing is encrypted.
    """
    if stores.resealing is None:
        raise WrongInput(
            "nothing is encrypted here: set PERDURE_ENCRYPTION_KEYS to the installation's keys, or"
            " make some as docs/how-to/encrypt.md says"
        )
    return stores.resealing
