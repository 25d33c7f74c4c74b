"""The API speaks HTTPS itself, or says why not."""

import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from perdure.api.app import create_app
from perdure.api.server import CertificateRefused, serve
from perdure.settings import Settings
from perdure.temporal.server.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")

CERTIFICATE = Path(__file__).parents[1] / "agents/pages_test.pem"

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]


async def test_it_speaks_https_with_a_certificate(serve_api: ServeApi) -> None:
    api = await serve_api(f"127.0.0.1:{free_port()}", worker=False, tls_certificate=CERTIFICATE)
    assert api.base_url.scheme == "https"
    trusted = ssl.create_default_context(cafile=str(CERTIFICATE))
    trusted.check_hostname = False  # it is called pages.test, and asked for by its address
    async with httpx.AsyncClient(verify=trusted, base_url=api.base_url) as client:
        assert (await client.get("/healthz")).is_success
    with pytest.raises(httpx.ConnectError):
        await api.get("/healthz")  # which trusts nobody's own certificate


def spoil(kind: str, certificate: Path, key: Path) -> None:
    make = ("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    match kind:
        case "missing":
            certificate.unlink()
        case "a folder":
            certificate.unlink()
            certificate.mkdir()
        case "no PEM":
            certificate.write_bytes(b"\x30\x82\x01\x0a\x00")
        case "another's key":
            subprocess.run([*make, "-out", key], check=True, capture_output=True)
        case _:
            locked = (*make, "-aes256", "-pass", "pass:secret", "-out", key)
            subprocess.run(locked, check=True, capture_output=True)


@pytest.mark.parametrize("kind", ["missing", "a folder", "no PEM", "another's key", "a password"])
async def test_a_certificate_that_cannot_be_used_is_named(kind: str, tmp_path: Path) -> None:
    certificate, key = tmp_path / "given.pem", tmp_path / "key.pem"
    certificate.write_bytes(CERTIFICATE.read_bytes())
    spoil(kind, certificate, key)
    settings = Settings(tls_certificate=certificate, tls_key=key if key.exists() else None)
    with socket.socket() as listener, pytest.raises(CertificateRefused) as refused:
        async with serve(create_app(None, settings), listener, settings):  # type: ignore[arg-type]
            pass
    (sentence,) = refused.value.args
    assert str(certificate) in sentence
    assert "PERDURE_TLS_CERTIFICATE" in sentence
