"""``perdure audit seal``: seal the audit trail now."""

import click

from perdure.cli.output.printing import print_json, print_text
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.server_choice import this_machine_only


@click.command()
@json_option
@handle_errors
@this_machine_only
def seal(as_json: bool) -> None:
    """Seal what is not sealed yet, as workers that have PERDURE_AUDIT_KEY do every half minute.

    The first seal begins the audit trail: every process that starts from then on puts facts into
    it.
    """
    facts, last = run_async(_seal())
    if as_json:
        print_json({"facts": facts, "last_seal": last})
    else:
        print_text(f"{facts:,} facts sealed, the last seal is {last}")


async def _seal() -> tuple[int, int]:
    from perdure.settings import Settings
    from perdure.stores import open_stores
    from perdure.temporal.worker.sealing.sealing_pass import SealingPass

    settings = Settings()
    async with open_stores(settings) as stores:
        sealing = SealingPass.of(settings, stores, "command line")
        if sealing is None:
            raise WrongInput(
                "there is no key to seal with: set PERDURE_AUDIT_KEY to the file that openssl"
                " genpkey -algorithm ed25519 -out audit-key.pem writes"
            )
        facts = await sealing.run()
        return facts, await stores.seals.count()
