"""``perdure audit export``: the audit trail as a file that can be verified."""

from pathlib import Path

import click

from perdure.cli.output.printing import print_json, print_text
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.server_choice import this_machine_only


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--tenant", help="Only this tenant's; of all others the hashes, so that it verifies.")
@json_option
@handle_errors
@this_machine_only
def export(file: Path, tenant: str | None, as_json: bool) -> None:
    """Write what is sealed of the audit trail into FILE, such as trail.jsonl.

    It has a line of JSON for each fact and, after the facts that it covers, one for each seal.
    """
    seals = run_async(_export(file, tenant))
    if as_json:
        print_json({"file": str(file), "seals": seals, "bytes": file.stat().st_size})
    else:
        print_text(f"{file}  {seals:,} seals, {file.stat().st_size:,} bytes")


async def _export(file: Path, tenant: str | None) -> int:
    from perdure.settings import Settings
    from perdure.stores import open_stores

    seals = -1  # the first line is of none
    async with open_stores(Settings()) as stores:
        trail = stores.trail if tenant is None else stores.of(tenant).trail
        part = file.with_name(f"{file.name}.part")
        try:
            with part.open("wb") as target:
                async for lines in trail.export():
                    target.write(lines)
                    seals += 1
            part.replace(file)
        except OSError as error:
            raise WrongInput(f"{file} cannot be written ({error.strerror or error})") from error
    return seals
