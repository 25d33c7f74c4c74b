"""What of a home is in a backup: writing it while the home is in use, and restoring it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from perdure.settings import Settings
from perdure.stores.objects.address import artifacts_folder
from perdure.stores.sealing.text import key_of
from perdure.temporal.backup.archive import (
    ArchiveWriter,
    Manifest,
    extract,
    write_archive,
)
from perdure.temporal.backup.snapshot import Snapshot
from perdure.temporal.server.state import ServerState
from perdure.temporal.server.state_lock import StateInUse, StateLock
from perdure.version import core_version

_STORES: Final = "perdure.db"
_ARTIFACTS: Final = "artifacts"
# Which plugins somebody has disabled.
_SMALL_FILES: Final = ("temporal.version", "plugins/disabled.json")
_UNFINISHED: Final = "temporal.db.unfinished"
_ASIDE: Final = "before-restore"
_SQLITE_FILES: Final = ("", "-wal", "-shm", "-journal")


class BackupRefused(Exception):
    """A home cannot be backed up, or not be restored into; the message says what to do."""


def back_up(settings: Settings, target: Path) -> Manifest:
    """Write an embedded home into an archive, whether it is in use or not.

    Args:
        settings: The home, with its stores on SQLite and its artifacts in a folder of it.
        target: The archive; one that is there is replaced once the new one is whole.

    Raises:
        BackupRefused: What the home holds lies elsewhere, or cannot be read.
        OSError: The archive cannot be written.
    """
    home = settings.home
    folder = artifacts_folder(settings.artifacts_url, home)
    if settings.database_url or folder != home / _ARTIFACTS:
        raise BackupRefused(
            "PERDURE_DATABASE_URL or PERDURE_ARTIFACTS_URL is set, so the goals do not lie in"
            f" {home}: back up the database, the bucket and Temporal's databases with their own"
            " tools, as the documentation says"
        )
    if not (home / _STORES).exists():
        raise BackupRefused(f"{home} holds no goals yet: there is nothing to back up")
    if (home / _UNFINISHED).exists():
        raise BackupRefused(f"the server of {home} starts for the first time: try again")
    taken_at = datetime.now(UTC)
    try:
        with (
            TemporaryDirectory(prefix=f".{target.name}-", dir=target.absolute().parent) as scratch,
            Snapshot(home / _STORES, ServerState(home).database) as snapshot,
            write_archive(target) as archive,
        ):
            newest_key = None
            for database in snapshot.databases:
                copied = Path(scratch) / database.name
                snapshot.copy(database, copied)
                if database.name == _STORES:
                    newest_key = _newest_key(copied)
                archive.add(copied, database.name)
                copied.unlink()
            # After the databases: a file is there before anything refers to it.
            _add_files(archive, home)
            manifest = Manifest(version=core_version(), taken_at=taken_at, newest_key=newest_key)
            archive.end(manifest)
    except sqlite3.Error as error:
        raise BackupRefused(f"a database of {home} cannot be read ({error}): try again") from error
    return manifest.model_copy(update={"files": archive.digests})


def restore(settings: Settings, source: Path, *, replace: bool) -> Manifest:
    """Restore an archive into the home, which nothing may use.

    What is there before is put into a folder ``before-restore-…`` of the home.

    Args:
        settings: The home.
        source: The archive.
        replace: Whether to restore into a home that holds goals.

    Raises:
        BackupRefused: The home is in use, or holds goals and is not to be replaced.
        ArchiveDamaged: The archive is not whole; the home is as it was.
        OSError: The archive cannot be read, or the home cannot be written.
    """
    home = settings.home
    if settings.database_url or settings.artifacts_url:
        raise BackupRefused(
            "PERDURE_DATABASE_URL or PERDURE_ARTIFACTS_URL is set, and an archive is restored into"
            " a home alone: unset them"
        )
    try:
        lock = StateLock(home / "temporal.lock")
    except StateInUse as error:
        raise BackupRefused(f"{home} is in use by {error}: stop that one first") from error
    with lock:
        old = [path for path in _state_of(home) if path.exists()]
        if old and not replace:
            raise BackupRefused(
                f"{home} holds {old[0].name} already: set PERDURE_HOME to an empty folder, or give"
                " --replace, which puts what is there aside"
            )
        with TemporaryDirectory(prefix=".restore-", dir=home) as scratch:
            manifest = extract(source, Path(scratch))
            if old:
                aside = home / f"{_ASIDE}-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
                _move(home, aside, old)
            # The stores last: without them the home is empty, and the restore is given again.
            new = [path for path in _state_of(Path(scratch)) if path.exists()]
            _move(Path(scratch), home, sorted(new, key=lambda path: path.name == _STORES))
    return manifest


def _newest_key(stores: Path) -> str | None:
    """Return the id of the key that stores are encrypted with; ``None`` if they are not."""
    # Nothing else has this copy, and no file is to be left beside it.
    with closing(sqlite3.connect(f"{stores.absolute().as_uri()}?immutable=1", uri=True)) as copy:
        columns = [row[1] for row in copy.execute("PRAGMA table_info(installation)")]
        if "secret" not in columns:  # an older version has written it
            return None
        (secret,) = copy.execute("SELECT secret FROM installation").fetchone()
    return None if secret is None else key_of(secret)


def _add_files(archive: ArchiveWriter, home: Path) -> None:
    for name in _SMALL_FILES:
        if (home / name).exists():
            archive.add(home / name, name)
    for path in sorted(_files(home / _ARTIFACTS)):
        try:
            archive.add(path, path.relative_to(home).as_posix())
        except FileNotFoundError:  # nothing refers to it any more, so that it was deleted
            continue


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _state_of(home: Path) -> Iterator[Path]:
    for database in (ServerState(home).database, home / _STORES):
        for suffix in _SQLITE_FILES:
            yield database.with_name(database.name + suffix)
    for name in (*_SMALL_FILES, _ARTIFACTS, _UNFINISHED):
        yield home / name


def _move(source: Path, target: Path, paths: list[Path]) -> None:
    for path in paths:
        moved = target / path.relative_to(source)
        moved.parent.mkdir(parents=True, exist_ok=True)
        path.rename(moved)
