"""A Redis server of a test's own, on loopback, which keeps nothing on a disk."""

import os
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.until import until

_ATTEMPTS = 5


class RedisServer:
    """A server that runs.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        password: What it wants.
    """

    def __init__(self, program: str, options: dict[str, str]) -> None:
        self._program = program
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.password = uuid.uuid4().hex
        self.port = 0
        for _ in range(_ATTEMPTS):
            # Between finding a free port and listening on it another process may take it.
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            if self.start():
                return
        raise AssertionError("no port of this machine stays free")

    @property
    def url(self) -> str:
        """Its address, as ``PERDURE_REDIS_URL`` takes it."""
        scheme = "rediss" if "tls-port" in self._options else "redis"
        return f"{scheme}://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> bool:
        """Start it, empty, at its port; return whether it runs."""
        port = str(self.port)
        lines = {
            "bind": "127.0.0.1",
            "port": "0" if "tls-port" in self._options else port,
            "requirepass": self.password,
            "save": '""',
            **self._options,
        }
        if "tls-port" in lines:
            lines["tls-port"] = port
        configuration = "".join(f"{name} {value}\n" for name, value in lines.items())
        self._process = subprocess.Popen(
            [self._program, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert self._process.stdin is not None
        self._process.stdin.write(configuration.encode())
        self._process.stdin.close()
        until(lambda: self._has_ended or self._listens, "the server")
        return not self._has_ended

    def kill(self) -> None:
        """End it at once; what it kept is lost."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Make it hang: it accepts connections, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Make it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    @property
    def _has_ended(self) -> bool:
        assert self._process is not None
        return self._process.poll() is not None

    @property
    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def run_redis(**options: str) -> Iterator[RedisServer]:
    """Run a server.

    Args:
        options: More lines of its configuration, with ``_`` for ``-``.
    """
    program = shutil.which("redis-server", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "these tests need redis-server (Debian: apt-get install redis-server)"
    named = {name.replace("_", "-"): value for name, value in options.items()}
    server = RedisServer(program, named)
    try:
        yield server
    finally:
        server.kill()


def tls_options(folder: Path) -> dict[str, str]:
    """Return the options of a server that speaks TLS alone, with a new certificate."""
    certificate, key = folder / "redis.crt", folder / "redis.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return {
        "tls_port": "0",
        "tls_cert_file": str(certificate),
        "tls_key_file": str(key),
        "tls_auth_clients": "no",
    }
