"""Uploads and downloads of the sync client."""

import time
from pathlib import Path

from perdure.client.connection.errors import ClientError
from perdure.client.connection.synchronous import Connection
from perdure.client.files.downloads import ArchiveDownload, Download, artifact_of
from perdure.client.files.uploads import LocalFile, upload_request
from perdure.client.requests import files
from perdure.models.uploads import Upload


def upload(connection: Connection, file: LocalFile, name: str | None) -> Upload:
    """Hand a file in."""
    return connection.send(upload_request(Path(file), name))


def download(connection: Connection, workflow_id: str, name: str, to: Path) -> Path:
    """Download an artifact, over as many connections as it takes."""
    listed = connection.send(files.list_artifacts(workflow_id))
    target = Download(workflow_id, artifact_of(workflow_id, name, listed), to)
    attempts = connection.attempts(repeatable=True)
    while not target.is_whole():
        try:
            with connection.open(target.request()) as stream:
                target.begin(stream.status)
                for piece in stream.pieces():
                    target.write(piece)
                    attempts.succeeded()
        except ClientError as error:
            time.sleep(attempts.delay(error))
        else:
            break
    return target.finish()


def download_archive(connection: Connection, workflow_id: str, to: Path) -> Path:
    """Download a run's archive, from its beginning as often as it breaks off."""
    target = ArchiveDownload(workflow_id, to)
    attempts = connection.attempts(repeatable=True)
    while True:
        try:
            with connection.open(files.archive(workflow_id)) as stream:
                target.begin()
                for piece in stream.pieces():
                    target.write(piece)
            return target.finish()
        except ClientError as error:
            time.sleep(attempts.delay(error))
