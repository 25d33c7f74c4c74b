"""A real S3 server on this machine: versitygw over a folder, built once and kept in the cache."""

import asyncio
import base64
import hashlib
import hmac
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from deploy.native.go_programs import ensure_go_program
from deploy.native.programs import GO_PROGRAMS
from perdure.settings import Settings
from perdure.temporal.server.ports import free_port
from tests.support.until import until_async

BUCKET: Final = "perdure-test"
KEY: Final = "test-key"
SECRET: Final = "test-secret-of-twenty"
(_GATEWAY,) = [program for program in GO_PROGRAMS if program.name == "versitygw"]


class ObjectStorage:
    """An S3 server with one bucket, that can be stopped and started.

    Attributes:
        folder: The bucket's objects as files.
        url: The address of the part of the bucket that Perdure gets.
    """

    def __init__(self, root: Path, binary: Path) -> None:
        self.folder = root / "buckets" / BUCKET
        self.folder.mkdir(parents=True)
        self.url = f"s3://{BUCKET}/files"
        self._root = root
        self._binary = binary
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which a process finds the server and may use it."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ALLOW_HTTP": "true",
        }

    def objects(self) -> list[Path]:
        """Return the stored contents, as files on the server's disk."""
        found = (self.folder / "files" / "sha256").rglob("*")
        return sorted(path for path in found if path.is_file())

    def files(self) -> list[Path]:
        """Return all files that the server keeps, whatever they are called."""
        return sorted(path for path in self.folder.parent.rglob("*") if path.is_file())

    def object(self, digest: str) -> Path:
        """Return the file in which the server keeps a content."""
        digits = digest.removeprefix("sha256:")
        return self.folder / "files" / "sha256" / digits[:2] / digits

    async def lock(self, days: int) -> None:
        """Have every object of the bucket kept for some days, whoever wants it replaced or gone."""
        body = (
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
            f"<DefaultRetention><Mode>COMPLIANCE</Mode><Days>{days}</Days></DefaultRetention>"
            "</Rule></ObjectLockConfiguration>"
        ).encode()
        url = f"{self.environment['AWS_ENDPOINT_URL']}/{BUCKET}?object-lock="
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.put(url, content=body, headers=_signed("PUT", url, body))
        assert answer.status_code == 200, answer.text

    async def start(self) -> None:
        """Start the server."""
        self._process = await asyncio.create_subprocess_exec(
            *(str(self._binary), "--quiet", "--port", f"127.0.0.1:{self._port}"),
            *("posix", str(self.folder.parent)),
            env={**os.environ, "ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await until_async(self._listens, "the S3 server")

    async def stop(self) -> None:
        """Stop the server; what it has stored stays."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await process.wait()

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.close()
        return True


def _signed(method: str, url: str, body: bytes) -> dict[str, str]:
    """Return the headers of a request with the signature of AWS, version 4."""
    now, parts = datetime.now(UTC), urlsplit(url)
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "content-md5": base64.b64encode(hashlib.md5(body).digest()).decode(),
        "host": parts.netloc,
        "x-amz-content-sha256": digest,
        "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}",
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = "\n".join([method, parts.path, parts.query, lines, names, digest])
    scope = f"{now:%Y%m%d}/us-east-1/s3/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashed])
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"Credential={KEY}/{scope}, SignedHeaders={names}, Signature={signature}"
    return headers | {"authorization": f"AWS4-HMAC-SHA256 {credential}"}


@asynccontextmanager
async def run_object_storage(root: Path) -> AsyncIterator[ObjectStorage]:
    """Run an S3 server that keeps its objects below a folder."""
    binary = await ensure_go_program(_GATEWAY, Settings(_env_file=None), print)
    storage = ObjectStorage(root, binary)
    await storage.start()
    try:
        yield storage
    finally:
        await storage.stop()
