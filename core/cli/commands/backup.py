"""``perdure backup`` and ``perdure restore``: an embedded home in one file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import print_json, print_text
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.server_choice import this_machine_only

if TYPE_CHECKING:
    from perdure.temporal.backup.archive import Manifest


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
@handle_errors
@this_machine_only
def backup(file: Path, as_json: bool) -> None:
    """Write PERDURE_HOME into FILE, such as home.tar.gz, while it is in use or not.

    The goals, the state of the embedded Temporal server and the artifacts are in it, as they were
    at one moment. Goals under way go on from there once it is restored.
    """
    from perdure.settings import Settings
    from perdure.temporal.backup.home import back_up

    settings = Settings()
    try:
        manifest = back_up(settings, file)
    except OSError as error:
        raise WrongInput(f"{file} cannot be written ({error.strerror or error})") from error
    if as_json:
        document = {"file": str(file), "files": len(manifest.files), "bytes": file.stat().st_size}
        print_json(document | {"newest_key": manifest.newest_key})
    else:
        print_text(f"{file}  {len(manifest.files)} files, {file.stat().st_size:,} bytes")
        _say_keys(manifest, "keep them elsewhere, or nobody can read it")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Put aside what the home holds.")
@json_option
@handle_errors
@this_machine_only
def restore(file: Path, replace: bool, as_json: bool) -> None:
    """Restore what perdure backup has written to FILE into PERDURE_HOME, which nothing may use.

    Each file is checked before anything is changed. Goals that were under way go on with the next
    perdure dev.
    """
    from perdure.settings import Settings
    from perdure.temporal.backup.home import restore as restore_home

    settings = Settings()
    try:
        manifest = restore_home(settings, file, replace=replace)
    except OSError as error:
        raise WrongInput(
            f"{file} cannot be restored into {settings.home} ({error.strerror or error})"
        ) from error
    if as_json:
        document = {"home": str(settings.home), "taken_at": manifest.taken_at.isoformat()}
        print_json(document | {"files": len(manifest.files), "newest_key": manifest.newest_key})
    else:
        moment = f"{manifest.taken_at.astimezone():%Y-%m-%d %H:%M:%S}"
        print_text(f"{settings.home}  as it was at {moment}")
        _say_keys(manifest, "set PERDURE_ENCRYPTION_KEYS to them")


def _say_keys(manifest: "Manifest", advice: str) -> None:
    if manifest.newest_key is not None:
        print_text(
            f"its goals are encrypted, the newest key is {manifest.newest_key!r}, and the keys are"
            f" not in it: {advice}"
        )
