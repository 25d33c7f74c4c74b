"""Files over the client: uploaded and downloaded, over connections that break."""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from perdure.client import AsyncClient, FileDamaged, InvalidRequest, NotFound, ServerUnreachable
from perdure.models import GoalRecord
from tests.client.conftest import Site
from tests.client.cutting_proxy import CuttingProxy

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a file of 3 MB that does not compress."""
    path = tmp_path / "Grüße, 100%?.bin"
    path.write_bytes(os.urandom(3 << 20))
    return path


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


async def copied(client: AsyncClient, *paths: Path) -> GoalRecord:
    record = await client.goals.run("copy", "Copy", files={"path": paths[0], "more": [*paths[1:]]})
    assert record.success, record.error
    return record


async def test_files_of_this_machine_are_handed_in_with_a_goal(
    client: AsyncClient, large: Path, tmp_path: Path
) -> None:
    small, empty = tmp_path / "small.txt", tmp_path / "empty"
    small.write_text("ä")
    empty.touch()
    record = await copied(client, large, small, empty)
    names = [
        artifact.name for artifact in (await client.artifacts.list(record.workflow_id)).artifacts
    ]
    assert names == sorted(f"copies/{path.name}" for path in (large, small, empty))
    folder = tmp_path / "downloads"
    folder.mkdir()
    for path in (large, small, empty):
        there = await client.artifacts.download(record.workflow_id, f"copies/{path.name}", folder)
        assert there == folder / path.name
        assert same(there, path)
    assert sorted(folder.iterdir()) == sorted(folder / path.name for path in (large, small, empty))
    assert await client.artifacts.read(record.workflow_id, "copies/small.txt") == "ä".encode()

    archive = await client.artifacts.download_archive(record.workflow_id, tmp_path / "all.zip")
    with zipfile.ZipFile(archive) as opened:
        assert opened.read("copies/small.txt") == "ä".encode()
        assert len(opened.namelist()) == 3


async def test_an_upload_that_is_cut_comes_whole_in_the_end(
    client: AsyncClient, cut_off: AsyncClient, proxy: CuttingProxy, large: Path
) -> None:
    await cut_off.readiness()
    proxy.cut()
    proxy.requests = [100_000, 2_000_000]
    upload = await cut_off.uploads.create(large, name="sales.bin")
    assert upload.size == 3 << 20
    assert upload.digest == f"sha256:{digest_of(large)}"
    assert (await client.uploads.show(upload.id)).name == "sales.bin"
    kept = [found async for found in client.uploads.iterate() if found.name == "sales.bin"]
    assert len(kept) == 1
    await client.uploads.delete(upload.id)
    with pytest.raises(NotFound) as refused:
        await client.uploads.show(upload.id)
    assert refused.value.type == "unknown-upload"


async def test_a_download_that_is_cut_goes_on_where_it_was(
    client: AsyncClient, cut_off: AsyncClient, proxy: CuttingProxy, large: Path, tmp_path: Path
) -> None:
    run = (await copied(client, large)).workflow_id
    await cut_off.artifacts.list(run)
    proxy.cut()
    # The first of them has the list too.
    proxy.responses = [1_000_000, 10, 500_000, 1]
    to = tmp_path / "copy.bin"
    await cut_off.artifacts.download(run, f"copies/{large.name}", to)
    assert same(to, large)
    starts = [int(value.removeprefix("bytes=")[:-1]) for value in proxy.sent_headers("Range")]
    assert starts == sorted(starts)
    assert starts[0] > 900_000
    assert starts[-1] > 1_400_000


async def test_a_later_call_goes_on_with_what_an_earlier_one_had(
    site: Site, client: AsyncClient, proxy: CuttingProxy, large: Path, tmp_path: Path
) -> None:
    run = (await copied(client, large)).workflow_id
    name, to = f"copies/{large.name}", tmp_path / "copy.bin"
    async with AsyncClient(proxy.url, retry_seconds=0) as impatient:
        proxy.responses = [1_000_000]
        with pytest.raises(ServerUnreachable):
            await impatient.artifacts.download(run, name, to)
    assert not to.exists()
    async with AsyncClient(proxy.url) as again:
        await again.artifacts.download(run, name, to)
    assert same(to, large)
    [start] = proxy.sent_headers("Range")
    assert int(start.removeprefix("bytes=")[:-1]) > 900_000


async def test_a_part_of_another_content_is_found_out(
    client: AsyncClient, large: Path, tmp_path: Path
) -> None:
    run = (await copied(client, large)).workflow_id
    name, to = f"copies/{large.name}", tmp_path / "copy.bin"
    digest = digest_of(large)
    (tmp_path / f".copy.bin.{digest[:16]}.part").write_bytes(b"not this")
    with pytest.raises(FileDamaged, match="download it again"):
        await client.artifacts.download(run, name, to)
    assert not to.exists()
    await client.artifacts.download(run, name, to)
    assert same(to, large)


async def test_an_archive_that_is_cut_begins_anew(
    client: AsyncClient, cut_off: AsyncClient, proxy: CuttingProxy, large: Path, tmp_path: Path
) -> None:
    run = (await copied(client, large)).workflow_id
    await cut_off.readiness()
    proxy.cut()
    proxy.responses = [500_000]
    archive = await cut_off.artifacts.download_archive(run, tmp_path)
    assert archive == tmp_path / f"{run}.zip"
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None


async def test_what_is_not_there_is_said(client: AsyncClient, tmp_path: Path) -> None:
    small = tmp_path / "small.txt"
    small.write_text("x")
    run = (await copied(client, small)).workflow_id
    with pytest.raises(NotFound, match="it has: copies/small") as refused:
        await client.artifacts.download(run, "another", tmp_path)
    assert refused.value.type == "unknown-artifact"
    with pytest.raises(FileNotFoundError):
        await client.goals.start("copy", "Copy", files={"path": tmp_path / "nothing"})
    with pytest.raises(InvalidRequest):
        await client.uploads.create(small, name="../../x")
