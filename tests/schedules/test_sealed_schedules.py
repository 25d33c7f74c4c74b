"""With encryption keys no word of a schedule is in Temporal's database."""

import uuid
from pathlib import Path

import pytest

from perdure.schemas.schedules.records import StartStatus
from perdure.schemas.schedules.requests import ScheduleChanges
from perdure.temporal.server.development_server import run_development_server
from tests.support.encryption import write_keys
from tests.support.installation import Install
from tests.support.schedules import SAY, Here
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

KINDS = ("description", "parameter", "follower", "changed")


@pytest.mark.parametrize("keys", [(), ("first",)], ids=["plain", "encrypted"])
async def test_no_word_is_in_temporals_files(
    install: Install,
    server_binary: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    keys: tuple[str, ...],
) -> None:
    nonce = uuid.uuid4().hex[:12]
    words = {kind: f"{kind}{nonce}" for kind in KINDS}
    if keys:
        monkeypatch.setenv("PERDURE_ENCRYPTION_KEYS", write_keys(tmp_path / "keys", *keys))
    home = tmp_path / "temporal"
    async with run_development_server(server_binary, home, port=0, ui_port=0) as server:
        here = Here(await install(SAY, address=server.address))
        name = f"named-{nonce}"
        goal = {"description": words["description"], "parameters": {"page": words["parameter"]}}
        following = {"goal_id": "second", "agent_type": "say", "description": words["follower"]}
        await here.create(name, goal=goal, on_success=[following])
        changed = {"description": f"{words['description']} {words['changed']}"}
        await here.service.update(name, ScheduleChanges.model_validate({"goal": changed}))
        [start] = await here.trigger(name, StartStatus.COMPLETED, 1)
        assert start.goals

        async def both_ended() -> bool:
            shown = await here.service.get(name)
            return [len(start.goals) for start in shown.starts or []] == [2]

        await until_async(both_ended, "both goals")
        shown = (await here.service.get(name)).schedule
        assert shown.goal.description == changed["description"]
        assert shown.on_success[0].description == words["follower"]

        def found() -> set[str]:
            written = b"".join(file.read_bytes() for file in home.glob("temporal.db*"))
            assert name.encode() in written  # as Temporal has to find it
            return {kind for kind, word in words.items() if word.encode() in written}

        assert found() == (set() if keys else set(KINDS))
        await here.service.delete(name)
    assert found() == (set() if keys else set(KINDS))
