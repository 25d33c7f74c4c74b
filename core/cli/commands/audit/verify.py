"""``perdure audit verify``: verify an export, with nothing but the file and the public key."""

import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import print_json, print_text
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option

if TYPE_CHECKING:
    from perdure.audit.verification import Verification

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option(
    "--public-key",
    "public_keys",
    type=_FILE,
    multiple=True,
    required=True,
    help="A PEM file of what the seals are signed with; several where the key was replaced.",
)
@click.option(
    "--anchor", type=_FILE, help="The seals that were anchored outside, a line each: none may lack."
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]),
    metavar="TIME",
    help="The last seal must not be older, such as 2026-11-27T12:00+00:00.",
)
@json_option
@handle_errors
def verify(
    file: Path,
    public_keys: tuple[Path, ...],
    anchor: Path | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """Verify FILE, which perdure audit export has written, or stdin for -; status 1 if it is wrong.

    It needs no database and no settings. What was edited, deleted, inserted, moved, cut off or
    forged is named with its place.
    """
    from perdure.audit.keys import load_public_key
    from perdure.audit.verification import verify as verify_lines

    keys = [load_public_key(path) for path in public_keys]
    anchored = anchor.read_bytes().splitlines() if anchor is not None else []
    with click.open_file(str(file), "rb") as lines:
        found = verify_lines(lines, keys, anchored=anchored, until=until)
    if as_json:
        document = asdict(found) | {
            "holds": found.holds,
            "sealed_until": found.sealed_until.isoformat() if found.sealed_until else None,
        }
        print_json(document)
    else:
        _print(found)
    sys.exit(0 if found.holds else 1)


def _print(found: "Verification") -> None:
    for finding in found.findings:
        line = f"  (line {finding.line})" if finding.line is not None else ""
        print_text(f"{finding.place} {finding.message}{line}")
    if found.problems > len(found.findings):
        print_text(f"… and {found.problems - len(found.findings):,} more")
    withheld = f", {found.withheld:,} of them as hashes alone" if found.withheld else ""
    print_text(f"{found.facts:,} facts{withheld}, {found.seals:,} seals")
    if found.last_seal is not None and found.sealed_until is not None:
        print_text(
            f"seals {found.first_seal} to {found.last_seal}, the last of"
            f" {found.sealed_until:%Y-%m-%d %H:%M:%S} UTC"
        )
    if found.holds:
        print_text("it holds: nothing was changed, deleted, inserted or moved")
    else:
        print_text(f"IT DOES NOT HOLD: {found.problems:,} things are wrong")
