"""What somebody has who follows a page: an empty home, a Temporal server, a package index."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import psutil
import pytest

ROOT: Final = Path(__file__).parents[2]
PYPI: Final = "https://pypi.org/simple"


class Index(ThreadingHTTPServer):
    """A package index on this machine, which takes uploads, and knows who has everything else.

    Attributes:
        files: What it hands out, by name.
        upstream: The index that is asked for any other project.
    """

    files: dict[str, bytes]
    upstream: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def of(self, project: str) -> list[str]:
        """Return the names of a project's files."""
        return [name for name in self.files if name.split("-")[0].replace("_", "-") == project]


class _Requests(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        kind, name = self.path.strip("/").split("/", 1)
        names = self.server.of(name)
        if kind == "files":
            self._answer(200, self.server.files[name], "application/octet-stream")
        elif names:
            links = "".join(f'<a href="/files/{name}">{name}</a>' for name in names)
            self._answer(200, f"<!DOCTYPE html>{links}".encode(), "text/html")
        else:
            self.send_response(302)
            self.send_header("Location", f"{self.server.upstream.rstrip('/')}/{name}/")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n"
        for part in BytesParser().parsebytes(kind.encode() + body).walk():
            content = part.get_payload(decode=True)
            if (name := part.get_filename()) and isinstance(content, bytes):
                self.server.files[name] = content
        self._answer(200, b"", "text/plain")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def pip(*arguments: str) -> str:
    """Return what pip tells of this environment."""
    command = [sys.executable, "-m", "pip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


@pytest.fixture
def index(core_wheel: Path) -> Iterator[Index]:
    """Run an index that has this Perdure."""
    with Index(("127.0.0.1", 0), _Requests) as server:
        server.files = {core_wheel.name: core_wheel.read_bytes()}
        server.upstream = pip("config", "get", "global.index-url") or PYPI
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def core_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that ``pip install perdure`` is to get."""
    if built := os.environ.get("DISTRIBUTIONS"):
        (wheel,) = Path(built).glob("perdure-*.whl")
        return wheel
    folder = tmp_path_factory.mktemp("distributions")
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", folder, ROOT], check=True, capture_output=True
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder."""
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.fixture
def person(tmp_path: Path, server_binary: Path) -> Iterator[dict[str, str]]:
    """Return the environment of somebody with an empty home and a Temporal server."""
    home, tools = tmp_path / "person", tmp_path / "tools"
    home.mkdir()
    tools.mkdir()
    (tools / "temporal").symlink_to(server_binary)
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PIP_") or name in {"LANG", "SSL_CERT_FILE", "TMPDIR"}
    }
    yield kept | {
        "HOME": str(home),
        "PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin",
        "PIP_CACHE_DIR": pip("cache", "dir"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # Compiled is what is imported, when it is: most of it never.
        "PIP_NO_COMPILE": "1",
    }
    # What a page left running, or a failure did: its command line names this test's own folder.
    for process in psutil.process_iter(["cmdline"]):
        if any(str(tmp_path) in word for word in process.info["cmdline"] or ()):
            process.kill()
