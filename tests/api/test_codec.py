"""The codec's routes, called as Temporal's UI calls them from a page of its own origin."""

import asyncio
import base64
import dataclasses
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter

from perdure.encryption.loading import load_cipher
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.conversion.payload_codec import SealingCodec
from perdure.temporal.server.development_server import DevelopmentServer
from tests.api.conftest import ServeApi

pytestmark = pytest.mark.asyncio(loop_scope="session")

UI = "https://temporal.example"


@pytest.fixture
def keys(tmp_path: Path) -> str:
    file = tmp_path / "encryption-keys"
    file.write_text(f"2026 {base64.b64encode(bytes(range(32))).decode()}\n")
    file.chmod(0o600)
    return str(file)


async def sealed(keys: str, value: object) -> dict[str, Any]:
    """Return a value as Temporal's API shows it to the UI."""
    codec = SealingCodec(load_cipher(keys))
    converter = dataclasses.replace(pydantic_data_converter, payload_codec=codec)
    [payload] = await converter.encode([value])
    return MessageToDict(payload)


def from_ui(key: str, **more: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {key}",
        "Origin": UI,
        "Sec-Fetch-Site": "cross-site",
        "X-Namespace": "default",
        **more,
    }


async def new_key(own_home: Path, keys: str, *scopes: Any, tenant: str = "default") -> str:
    async with open_stores(Settings(home=own_home, encryption_keys=keys)) as stores:
        key, _ = await stores.access.keys.create("one", scopes, tenant=tenant)
        return key


async def test_temporals_ui_has_payloads_opened_and_sealed(
    server: DevelopmentServer, serve_api: ServeApi, own_home: Path, keys: str
) -> None:
    api = await serve_api(server.address, encryption_keys=keys, codec_origins=UI)
    key = await new_key(own_home, keys, "admin")
    preflight = await api.options(
        "/api/codec/decode",
        headers={
            "Origin": UI,
            "Access-Control-Request-Method": "POST",
            # The second, with who they are, once somebody has signed in by a provider.
            "Access-Control-Request-Headers": "authorization,authorization-extras,content-type,"
            "x-namespace",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == UI
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    assert "x-namespace" in preflight.headers["access-control-allow-headers"].lower()

    payload = await sealed(keys, {"description": "marzipan"})
    plain = MessageToDict(pydantic_data_converter.payload_converter.to_payloads(["older"])[0])
    assert "marzipan" not in base64.b64decode(payload["data"]).decode("latin-1")
    sent = {"payloads": [payload, plain, {}]}
    opened = await api.post("/api/codec/decode", json=sent, headers=from_ui(key))
    assert opened.status_code == 200
    assert opened.headers["access-control-allow-origin"] == UI
    first, second, third = opened.json()["payloads"]
    assert json.loads(base64.b64decode(first["data"])) == {"description": "marzipan"}
    assert base64.b64decode(first["metadata"]["encoding"]) == b"json/plain"
    assert second == plain
    assert third == {"metadata": {}, "data": ""}

    again = await api.post("/api/codec/encode", json={"payloads": [first]}, headers=from_ui(key))
    [resealed] = again.json()["payloads"]
    message = Payload(
        metadata={name: base64.b64decode(value) for name, value in resealed["metadata"].items()},
        data=base64.b64decode(resealed["data"]),
    )
    assert message.metadata["encoding"] == b"binary/encrypted"
    [read] = await SealingCodec(load_cipher(keys)).decode([message])
    assert json.loads(read.data) == {"description": "marzipan"}
    entries = (await api.get("/api/audit", headers={"Authorization": f"Bearer {key}"})).json()
    assert [entry["action"] for entry in entries["entries"]] == ["codec.encode", "codec.decode"]


async def test_only_admins_of_the_whole_installation_have_them_opened(
    server: DevelopmentServer, serve_api: ServeApi, own_home: Path, keys: str
) -> None:
    api = await serve_api(server.address, worker=False, encryption_keys=keys, codec_origins=UI)
    reader = await new_key(own_home, keys, "read", "submit", "approve")
    other = await new_key(own_home, keys, "admin", tenant="acme")
    sent = {"payloads": [await sealed(keys, "marzipan")]}
    for route in ("decode", "encode"):
        path = f"/api/codec/{route}"
        refused = await api.post(path, json=sent, headers=from_ui(reader))
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (403, UI)
        assert "needs the scope admin" in refused.json()["detail"]
        refused = await api.post(path, json=sent, headers=from_ui(other))
        assert refused.status_code == 403
        assert "is of the tenant 'acme'" in refused.json()["detail"]
        nobody = {"Origin": UI, "Sec-Fetch-Site": "cross-site"}
        assert (await api.post(path, json=sent, headers=nobody)).status_code == 401
    # Nor may pages of other origins, or those of the UI use other routes.
    admin = await new_key(own_home, keys, "admin")
    elsewhere = from_ui(admin, Origin="https://other.example")
    answer = await api.post("/api/codec/decode", json=sent, headers=elsewhere)
    assert "access-control-allow-origin" not in answer.headers
    answer = await api.get("/api/goals", headers=from_ui(admin))
    assert "access-control-allow-origin" not in answer.headers


async def test_what_does_not_open_is_said_in_a_sentence(
    server: DevelopmentServer, serve_api: ServeApi, keys: str
) -> None:
    """Without keys of the API, only this machine may use it: so may a page that it names."""
    api = await serve_api(server.address, worker=False, codec_origins=UI)
    payload = await sealed(keys, "marzipan")
    local = {"Origin": UI, "Sec-Fetch-Site": "cross-site"}
    answer = await api.post("/api/codec/decode", json={"payloads": [payload]}, headers=local)
    assert answer.status_code == 422
    assert "the key '2026', which is not among PERDURE_ENCRYPTION_KEYS" in answer.json()["detail"]
    foreign = local | {"Origin": "https://other.example"}
    answer = await api.post("/api/codec/decode", json={"payloads": [payload]}, headers=foreign)
    assert answer.status_code == 403
    changed = dict(payload, data=base64.b64encode(b"no such thing").decode())
    answer = await api.post("/api/codec/decode", json={"payloads": [changed]}, headers=local)
    assert answer.status_code == 422
    assert "are not what this version seals" in answer.json()["detail"]
    wrong = {"payloads": [{"metadata": {"encoding": "?"}}]}
    answer = await api.post("/api/codec/decode", json=wrong, headers=local)
    assert answer.status_code == 422
    assert "this is no base64" in answer.json()["detail"]
    # With no keys at all, what is sealed here is nothing.
    plain = {"metadata": {}, "data": "aGV5"}
    answer = await api.post("/api/codec/encode", json={"payloads": [plain]}, headers=local)
    assert answer.json() == {"payloads": [plain]}


async def test_temporals_own_command_reads_a_history_through_it(
    server: DevelopmentServer,
    server_binary: Path,
    serve_api: ServeApi,
    own_home: Path,
    keys: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PERDURE_ENCRYPTION_KEYS", keys)
    api = await serve_api(server.address, encryption_keys=keys)
    key = await new_key(own_home, keys, "admin")
    goal = {"goal_id": "read", "description": "marzipan", "agent_type": "echo"}
    started = await api.post(
        "/api/execute-goal", json=goal, headers={"Authorization": f"Bearer {key}"}
    )
    show = [
        *(str(server_binary), "workflow", "show", "--address", server.address, "--output", "json"),
        *("--workflow-id", started.json()["workflow_id"]),
    ]

    async def shown(*more: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *show, *more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        out, _ = await process.communicate()
        # Payloads are in base64, or in the clear where it can show them so.
        data = re.findall(r'"data": ?"([^"]*)"', out.decode())
        return out.decode() + "".join(base64.b64decode(one).decode("latin-1") for one in data)

    encoded = base64.b64encode(b"binary/encrypted").decode()
    assert encoded in (sealed_history := await shown())
    assert "marzipan" not in sealed_history
    endpoint = ("--codec-endpoint", str(api.base_url.join("/api/codec")))
    opened = await shown(*endpoint, "--codec-auth", f"Bearer {key}")
    assert encoded not in opened
    assert "marzipan" in opened
    refused = await shown(*endpoint, "--codec-auth", "Bearer nothing")
    assert "marzipan" not in refused


@pytest.mark.parametrize("origin", ["temporal.example", "https://temporal.example/ui", "ftp://x"])
async def test_an_origin_is_written_as_browsers_send_it(origin: str) -> None:
    with pytest.raises(ValueError, match=r"write it as https://cloud.temporal.io, with no path"):
        Settings(codec_origins=origin)
