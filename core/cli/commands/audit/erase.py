"""``perdure audit erase``: erase a person from the audit trail, which still verifies."""

import click

from perdure.cli.output.printing import print_json, print_text
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.server_choice import this_machine_only


@click.command()
@click.argument("name")
@click.option("--tenant", help="Of which tenant.  [default: default]")
@json_option
@handle_errors
@this_machine_only
def erase(name: str, tenant: str | None, as_json: bool) -> None:
    """Erase a person or key by its NAME: from the list of requests, from votes, from all tables.

    A pseudonym stands there instead. In the audit trail only digests stay, whose salt is deleted:
    nobody can tell whom they stand for, and the trail verifies as before.
    """
    run_async(_erase(name, tenant))
    if as_json:
        print_json({"erased": name})
    else:
        print_text(f"erased {name}")


async def _erase(name: str, tenant: str | None) -> None:
    from perdure.cli.backends.audit import LocalAudit
    from perdure.models import DEFAULT_TENANT
    from perdure.settings import Settings
    from perdure.stores import open_stores
    from perdure.stores.database.errors import InputRefused

    tenant = tenant or DEFAULT_TENANT
    async with (
        open_stores(Settings()) as stores,
        LocalAudit(stores).doing("audit.erase", tenant=tenant),
    ):
        if not await stores.people.erase(name, tenant):
            raise InputRefused(
                f"nobody called {name!r} is on record of the tenant {tenant}: see perdure"
                " audit for the names"
            )
