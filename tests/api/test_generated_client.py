"""A client that another project's generator makes from the OpenAPI document works."""

import asyncio
import importlib
import json
import sys
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from perdure.api.keys import new_key
from perdure.temporal.server.development_server import DevelopmentServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
# What the generator takes these for: bytes, and text.
CONFIG = {
    "post_hooks": [],
    "content_type_overrides": {
        "*/*": "application/octet-stream",
        "application/zip": "application/octet-stream",
        "application/jsonl": "text/plain",
    },
}
PACKAGE = "generated_client"


async def generate(document: dict[str, Any], folder: Path) -> None:
    """Generate a client of an API into a folder, as the package ``generated_client``."""
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    generator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"),
        *("--path", "openapi.json", "--config", "config.json"),
        *("--output-path", PACKAGE, "--meta", "none"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await generator.communicate()
    assert generator.returncode == 0, output.decode()
    assert "WARNING" not in output.decode(), output.decode()


def part(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


async def test_a_generated_client_works(
    serve_api: ServeApi,
    server: DevelopmentServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, digest = new_key()
    api = await serve_api(server.address, api_keys=[digest])
    document = (await api.get("/openapi.json", headers={"Authorization": f"Bearer {key}"})).json()
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()
    await generate(document, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    client = part("client").AuthenticatedClient(base_url=str(api.base_url), token=key)
    models, goals = part("models"), "api.goals"
    body = models.GoalOfEcho.from_dict(
        {
            "goal_id": "generated",
            "description": "say it",
            "agent_type": "echo",
            "parameters": {"depth": "comprehensive"},
        }
    )
    start = part(f"{goals}.execute_goal").asyncio
    started = await start(client=client, body=body, idempotency_key="once")
    assert isinstance(started, models.StartResponse)
    ended = await start(client=client, body=body, idempotency_key="once", wait=30)
    assert isinstance(ended, models.GoalRecord)
    assert (ended.workflow_id, ended.status) == (started.workflow_id, models.GoalStatus.COMPLETED)

    listed = await part(f"{goals}.list_goals").asyncio(client=client, search="generated")
    assert [run.workflow_id for run in listed.goals] == [started.workflow_id]
    result = await part(f"{goals}.show_result").asyncio(started.workflow_id, client=client)
    assert isinstance(result, models.Result)
    assert (result.summary, result.data["depth"]) == ("say it", "comprehensive")
    fetch = part("api.artifacts.fetch_artifact").asyncio
    file = await fetch(started.workflow_id, "notes/echo.md", client=client)
    assert file.payload.read() == b"# say it"
    events = await part("api.events.export_events").asyncio(started.workflow_id, client=client)
    assert json.loads(events.splitlines()[-1])["type"] == "run.completed"
    hand_in = part("api.uploads.hand_in_upload").sync
    content = part("types").File(payload=BytesIO(b"text"))
    upload = await asyncio.to_thread(hand_in, client=client, body=content, name="a.txt")
    assert (upload.name, upload.size) == ("a.txt", 4)

    unknown = await part(f"{goals}.show_goal").asyncio("goal-x", client=client)
    assert isinstance(unknown, models.Problem)
    assert (unknown.type_, unknown.status) == ("urn:perdure:problem:unknown-goal", 404)
    body.description = " "
    refused = await start(client=client, body=body)
    assert isinstance(refused, models.Problem)
    assert refused.errors[0].field == "description"
    stranger = part("client").AuthenticatedClient(base_url=str(api.base_url), token="no key")
    nobody = await part(f"{goals}.list_goals").asyncio(client=stranger)
    assert isinstance(nobody, models.Problem)
    assert nobody.status == 401
