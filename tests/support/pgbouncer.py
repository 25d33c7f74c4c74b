"""A pooler between the stores and PostgreSQL, as many installations have one."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.postgresql import PostgreSQL
from tests.support.until import until

_CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server} user=perdure
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
"""


@contextmanager
def run_pgbouncer(server: PostgreSQL, mode: str = "transaction") -> Iterator[int]:
    """Run a pgbouncer in front of a server, and give its port."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "these tests need pgbouncer (Debian: apt-get install pgbouncer)"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # It refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="perdure-pgbouncer-") as folder:
        if user:
            owner = pwd.getpwnam(user)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        file = Path(folder, "pgbouncer.ini")
        file.write_text(_CONFIGURATION.format(server=server.port, port=port, mode=mode))
        process = subprocess.Popen(
            [program, "--quiet", file],
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            stderr=subprocess.DEVNULL,
        )
        try:
            until(lambda: _answers(port), "the pooler")
            yield port
        finally:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
