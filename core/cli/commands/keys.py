"""``perdure keys``: the keys with which callers use the API and people sign in to its pages."""

from typing import TYPE_CHECKING

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.printing import print_json, print_table
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.schemas.access import KeyRecord

SCOPES = ("read", "submit", "approve", "metrics", "admin")


@click.group()
def keys() -> None:
    """Make, list and revoke the keys of the API.

    A key is for the goals of one tenant, and may do what its scopes say.
    """


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=("read", "submit"),
    show_default=True,
    help="What it may do; several may be given, and admin includes the others.",
)
@click.option("--tenant", help="Whose goals it is for.  [default: default]")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it lasts; for ever without.")
@json_option
@handle_errors
def create(
    name: str, scopes: tuple[str, ...], tenant: str | None, days: int | None, as_json: bool
) -> None:
    """Make a key and print it, this once: only its digest is kept.

    NAME says whose it is, or what for, and stands in the audit table.
    """

    async def create_key(backend: "Backend") -> None:
        from datetime import UTC, datetime, timedelta

        expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
        key, record = await backend.create_key(
            name, dict.fromkeys(scopes), tenant=tenant, expires_at=expires_at
        )
        if as_json:
            print_json({"key": key, "record": record.model_dump(mode="json")})
            return
        click.echo(f"key     {key}   (give it to the caller; it is shown only now)")
        click.echo(f"id      {record.key_id}   (perdure keys revoke {record.key_id})")
        click.echo(f"tenant  {record.tenant}")
        click.echo(f"scopes  {', '.join(record.scopes)}")

    run_with_backend(create_key)


@keys.command("list")
@click.option("--tenant", help="Only this tenant's.")
@json_option
@handle_errors
def list_keys(tenant: str | None, as_json: bool) -> None:
    """List keys, newest first, those that were revoked or have expired too."""

    async def print_keys(backend: "Backend") -> None:
        records = await backend.keys(tenant)
        if as_json:
            print_json({"keys": [record.model_dump(mode="json") for record in records]})
            return
        print_table(
            ["id", "name", "tenant", "scopes", "status", "last used"],
            [_row(record) for record in records],
        )

    run_with_backend(print_keys)


def _row(record: "KeyRecord") -> list[str]:
    from datetime import UTC, datetime

    status = "valid"
    if record.revoked_at is not None:
        status = "revoked"
    elif not record.is_valid(datetime.now(UTC)):
        status = "expired"
    elif record.expires_at is not None:
        status = f"until {record.expires_at.astimezone():%Y-%m-%d}"
    used = record.last_used_at
    return [
        record.key_id,
        record.name,
        record.tenant,
        " ".join(record.scopes),
        status,
        f"{used.astimezone():%Y-%m-%d %H:%M}" if used else "never",
    ]


@keys.command()
@click.argument("key_id", metavar="ID")
@json_option
@handle_errors
def revoke(key_id: str, as_json: bool) -> None:
    """Revoke a key by its id: it opens nothing any more, and who signed in with it is signed out.

    What was started with it goes on.
    """

    async def revoke_key(backend: "Backend") -> None:
        record = await backend.revoke_key(key_id)
        if as_json:
            print_json(record)
            return
        click.echo(f"revoked {record.key_id} ({record.name})")

    run_with_backend(revoke_key)
