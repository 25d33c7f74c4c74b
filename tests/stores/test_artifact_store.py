"""The artifact store: files by their digest."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perdure.settings import Settings
from perdure.stores import Stores, UnknownArtifact, UnknownGoal
from perdure.stores.database.fencing import Claim


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


async def test_a_file_is_stored_by_its_digest(
    stores: Stores, settings: Settings, run: str, claim: Claim
) -> None:
    digits = hashlib.sha256(b"# Report").hexdigest()

    writer = stores.artifacts.writer(claim)
    artifact = await writer.write("a/report.md", b"# Report", "text/markdown")

    assert artifact.digest == f"sha256:{digits}"
    assert artifact.size == 8
    path = settings.home / "artifacts" / "sha256" / digits[:2] / digits
    assert stores.contents.path(artifact.digest) == path
    assert await stores.contents.read(artifact.digest) == b"# Report"
    assert await writer.read(artifact) == b"# Report"
    assert await stores.artifacts.of(run) == (artifact,)


async def test_a_file_given_by_its_path_is_copied(
    stores: Stores, claim: Claim, tmp_path: Path
) -> None:
    source = tmp_path / "big.bin"
    content = bytes(range(256)) * 20_000
    source.write_bytes(content)

    artifact = await stores.artifacts.writer(claim).write("big.bin", source, "application/x")
    source.unlink()

    assert artifact.size == len(content)
    assert artifact.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert await stores.contents.read(artifact.digest) == content


async def test_the_same_content_is_stored_once(
    stores: Stores,
    settings: Settings,
    claim: Claim,
    create_run: Callable[..., Awaitable[None]],
    start_execution: Callable[..., Awaitable[Claim]],
) -> None:
    await create_run("other")
    other = await start_execution("other")

    await asyncio.gather(
        *(
            stores.artifacts.writer(of).write(f"{number}.txt", b"same", "text/plain")
            for of in (claim, other)
            for number in range(10)
        )
    )

    assert len(files_below(settings.home / "artifacts")) == 1
    assert len(await stores.artifacts.of("other")) == 10


async def test_the_same_name_again_replaces_what_the_run_shows(
    stores: Stores, run: str, claim: Claim
) -> None:
    writer = stores.artifacts.writer(claim)
    first = await writer.write("report.md", b"one", "text/plain")
    await writer.write("b.txt", b"b", "text/plain")

    second = await writer.write("report.md", b"two", "text/markdown")

    shown = await stores.artifacts.of(run)
    assert [artifact.name for artifact in shown] == ["b.txt", "report.md"]
    assert shown[1] == second
    assert await stores.contents.read(first.digest) == b"one"


async def test_an_empty_file_is_a_file(stores: Stores, claim: Claim) -> None:
    artifact = await stores.artifacts.writer(claim).write("empty", b"", "text/plain")

    assert artifact.size == 0
    assert await stores.contents.read(artifact.digest) == b""


async def test_content_that_is_not_there_is_named(stores: Stores, settings: Settings) -> None:
    digest = "sha256:" + "0" * 64

    with pytest.raises(UnknownArtifact, match=f"{digest}.*{settings.home}.*PERDURE_HOME"):
        await stores.contents.read(digest)


async def test_a_missing_source_is_not_the_stores_fault(
    stores: Stores, settings: Settings, claim: Claim, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await stores.artifacts.writer(claim).write("a", tmp_path / "missing", "text/plain")
    with pytest.raises(IsADirectoryError):
        await stores.artifacts.writer(claim).write("a", tmp_path, "text/plain")

    assert files_below(settings.home / "artifacts") == []
    assert await stores.artifacts.of(claim.workflow_id) == ()


async def test_a_file_belongs_to_a_run_on_record(stores: Stores) -> None:
    nowhere = Claim("nowhere", "first", 1, datetime.now(UTC))
    with pytest.raises(UnknownGoal, match="'nowhere'"):
        await stores.artifacts.writer(nowhere).write("a", b"a", "text/plain")
