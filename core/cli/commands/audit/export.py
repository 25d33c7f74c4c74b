"""``perdure audit export``: the audit trail as a file that can be verified."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.printing import print_json, print_text
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.options import json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend

_STDOUT: Final = Path("-")
# What the line of a seal begins with, after the end of the one before.
_SEAL: Final = b'\n{"seal":'


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--tenant", help="Only this tenant's; of all others the hashes, so that it verifies.")
@json_option
@handle_errors
def export(file: Path, tenant: str | None, as_json: bool) -> None:
    """Write what is sealed of the audit trail into FILE, such as trail.jsonl; to stdout for -.

    It has a line of JSON for each fact and, after the facts that it covers, one for each seal. With
    --server it is that of the key's tenant, an admin's.
    """
    if file == _STDOUT:
        if as_json:
            raise WrongInput("the lines of the export are JSON themselves: leave --json out")
        out = sys.stdout.buffer
        run_with_backend(lambda backend: _copy(backend.audit_export(tenant), out.write))
        out.flush()
        return

    seals = run_with_backend(lambda backend: _write(backend, tenant, file))
    if as_json:
        print_json({"file": str(file), "seals": seals, "bytes": file.stat().st_size})
    else:
        print_text(f"{file}  {seals:,} seals, {file.stat().st_size:,} bytes")


async def _write(backend: "Backend", tenant: str | None, file: Path) -> int:
    part = file.with_name(f"{file.name}.part")
    try:
        with part.open("wb") as target:
            seals = await _copy(backend.audit_export(tenant), target.write)
        part.replace(file)
    except OSError as error:
        raise WrongInput(f"{file} cannot be written ({error.strerror or error})") from error
    finally:
        part.unlink(missing_ok=True)
    return seals


async def _copy(pieces: AsyncIterator[bytes], write: Callable[[bytes], object]) -> int:
    """Write what comes, and return how many seals there were."""
    seals, tail = 0, b""
    async for piece in pieces:
        write(piece)
        text = tail + piece
        seals += text.count(_SEAL)
        tail = text[-len(_SEAL) + 1 :]
    return seals
