"""What a service may do in its sandbox, each tried by a command in its place."""

import base64
import errno
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Final

import pytest

from deploy.native.compose_file import read_compose_file
from deploy.native.programs import DEPLOY
from deploy.native.running_service import start_in_sandbox
from deploy.native.sandbox import Installation, other_command
from perdure.settings import Settings

pytestmark = [
    pytest.mark.bundled,
    pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is for Linux"),
]

SECRET: Final = base64.b64encode(bytes(range(32))).decode()
# A system call that no service makes.
REFUSED: Final = (
    "import ctypes; c = ctypes.CDLL(None, use_errno=True); c.swapoff(b'x');"
    " print(ctypes.get_errno())"
)
KEY: Final = (
    "from perdure.encryption.loading import load_cipher; from perdure.settings import Settings;"
    " cipher = load_cipher(Settings().encryption_keys); print(cipher and cipher.key_id)"
)
SANDBOX: Final = "from perdure_code.sandbox.bubblewrap import find_bubblewrap as f; print(f())"


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    folder = tmp_path / "secrets"
    subprocess.run(["sh", str(DEPLOY / "make-secrets"), str(folder)], check=True)
    file = read_compose_file(
        [DEPLOY / "compose.yaml"],
        {"CLUSTER_SECRETS": str(folder), "CLUSTER_SUBNET": "127.9.9.0/24"},
    )
    made = Installation(file, DEPLOY, tmp_path, Settings(_env_file=None).cache)
    made.write_etc()
    return made


async def run_in(installation: Installation, service: str, *words: str) -> str:
    process = await start_in_sandbox(other_command(installation, service, *words), PIPE)
    output, _ = await process.communicate()
    return output.decode()


async def test_only_its_volume_can_be_written(installation: Installation) -> None:
    script = "for f in /usr/x /run/x /var/lib/x /etc/x /var/lib/perdure/x /tmp/x; do touch $f; done"
    output = await run_in(installation, "worker-1", "sh", "-c", script)
    assert output.count("Read-only file system") == len(output.splitlines()) == 4, output


async def test_it_has_its_own_secrets_as_variables(installation: Installation) -> None:
    script = "ls /run/secrets; env | grep -o '^PERDURE_[A-Z_]*=' | sort"
    output = (await run_in(installation, "api-1", "sh", "-c", script)).split()
    assert "OPENAI_API_KEY" not in output
    assert {"PERDURE_API_KEYS=", "PERDURE_DATABASE_URL="} <= set(output)
    assert await run_in(installation, "nginx", "id", "-u") == "101\n"


@pytest.mark.parametrize("service", ["api-1", "worker-1", "worker-code", "prepare"])
async def test_it_is_handed_the_encryption_keys_and_their_contents_in_no_variable(
    installation: Installation, tmp_path: Path, service: str
) -> None:
    assert await run_in(installation, service, "python3", "-c", KEY) == "None\n"
    (tmp_path / "secrets/PERDURE_ENCRYPTION_KEYS").write_text(f"2026-11 {SECRET} hashes\n")
    assert await run_in(installation, service, "python3", "-c", KEY) == "2026-11\n"
    assert SECRET not in await run_in(installation, service, "env")


async def test_the_code_agents_pool_can_make_its_sandbox(installation: Installation) -> None:
    output = await run_in(installation, "worker-code", "python3", "-c", SANDBOX)
    assert output.endswith("/bwrap\n"), output
    for service, refusal in {"worker-code": errno.ENOSYS, "worker-1": errno.EPERM}.items():
        assert int(await run_in(installation, service, "python3", "-c", REFUSED)) == refusal
