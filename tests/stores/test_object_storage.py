"""Contents in a folder and in a bucket: whole, checked, streamed, and what goes wrong there."""

import asyncio
import os
import tracemalloc
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from perdure.settings import Settings
from perdure.stores import StoreUnavailable, UnknownArtifact
from perdure.stores.database.errors import AlteredArtifact
from perdure.stores.objects import folder as folder_module
from perdure.stores.objects.address import open_objects
from perdure.stores.objects.content_records import ContentRecords
from perdure.stores.objects.content_store import ContentStore
from perdure.stores.objects.object_store import ContentChanged, digest_of
from tests.support.object_storage import SECRET, ObjectStorage

pytestmark = pytest.mark.asyncio(loop_scope="session")

MIB = 1024 * 1024
NOWHERE = "sha256:" + "0" * 64


class Place:
    """A content store, and where its contents lie as files."""

    def __init__(self, contents: ContentStore, folder: Path) -> None:
        self.contents = contents
        self.folder = folder

    def file(self, digest: str) -> Path:
        digits = digest.removeprefix("sha256:")
        return self.folder / "sha256" / digits[:2] / digits


class NoRecords(ContentRecords):
    """For what is not about which contents are in use."""

    def __init__(self) -> None:
        pass

    async def use(self, digest: str, size: int) -> None:
        pass


def contents_at(url: str, home: Path) -> ContentStore:
    return ContentStore(open_objects(url, home), NoRecords())


@pytest.fixture(params=["home", "file", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "home":
        return Place(contents_at("", tmp_path), tmp_path / "artifacts")
    if request.param == "file":
        url = f"file://{tmp_path}/a%20folder"
        return Place(contents_at(url, tmp_path / "home"), tmp_path / "a folder")
    storage: ObjectStorage = request.getfixturevalue("object_storage")
    return Place(contents_at(storage.url, tmp_path / "home"), storage.folder / "files")


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


async def test_contents_come_back_as_they_were(place: Place, tmp_path: Path) -> None:
    # One byte more than a part of an upload, and than a chunk of a download.
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(8 * MIB + 1))
    for content in (b"", b"x", b"# Report", large):
        digest, size = await place.contents.put(content)
        whole = content.read_bytes() if isinstance(content, Path) else content
        assert (digest, size) == digest_of(content) == (digest, len(whole))
        assert await place.contents.read(digest) == whole
        assert place.file(digest).read_bytes() == whole
        assert max([len(chunk) async for chunk in place.contents.chunks(digest)]) <= MIB
        await place.contents.find(digest)
        async with place.contents.local(digest) as path:
            assert path.read_bytes() == whole
        await place.contents.save(digest, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == whole
    parts = [chunk async for chunk in place.contents.part(digest, 5 * MIB, 8 * MIB + 1)]
    assert b"".join(parts) == whole[5 * MIB :]
    assert [chunk async for chunk in place.contents.part(digest, 5, 5)] == []
    async with place.contents.local(digest, beginning=MIB) as path:
        assert path.read_bytes()[:MIB] == whole[:MIB]


async def test_equal_contents_are_one_object(place: Place) -> None:
    stored = await asyncio.gather(*(place.contents.put(b"same") for _ in range(10)))
    assert len({digest for digest, _ in stored}) == 1
    assert len(files_below(place.folder / "sha256")) == 1


async def test_what_is_not_there_is_named(place: Place, tmp_path: Path) -> None:
    contents = place.contents
    with pytest.raises(UnknownArtifact, match=f"{NOWHERE} lies under .*PERDURE_ARTIFACTS_URL"):
        await contents.read(NOWHERE)
    with pytest.raises(UnknownArtifact):
        await contents.find(NOWHERE)
    with pytest.raises(UnknownArtifact):
        await contents.save(NOWHERE, tmp_path / "copy")
    with pytest.raises(UnknownArtifact):
        async with contents.local(NOWHERE):
            pass
    assert not files_below(tmp_path / "copy")


@pytest.mark.parametrize("altered", [b"# Repork", b"# Rep", b"# Report, longer", b""])
async def test_an_altered_content_is_an_error_and_never_a_value(
    place: Place, tmp_path: Path, altered: bytes
) -> None:
    digest, _ = await place.contents.put(b"# Report")
    place.file(digest).write_bytes(altered)
    with pytest.raises(AlteredArtifact, match=f"{digest} has another content by now"):
        await place.contents.read(digest)
    with pytest.raises(AlteredArtifact):
        async with place.contents.local(digest):
            pass
    with pytest.raises(AlteredArtifact):
        await place.contents.save(digest, tmp_path / "copy")
    assert files_below(tmp_path / "copy") == []
    # Stored again, it is whole again.
    await place.contents.put(b"# Report")
    assert await place.contents.read(digest) == b"# Report"


async def test_of_a_large_altered_content_the_end_does_not_come(
    place: Place, tmp_path: Path
) -> None:
    source = tmp_path / "large.bin"
    source.write_bytes(os.urandom(3 * MIB))
    digest, size = await place.contents.put(source)
    with place.file(digest).open("r+b") as file:
        file.seek(100)
        file.write(b"tampered")
    got: list[bytes] = []

    async def fetch() -> None:
        async for chunk in place.contents.chunks(digest):
            got.append(chunk)  # noqa: PERF401 -- what came before the error counts

    with pytest.raises(AlteredArtifact):
        await fetch()
    assert sum(map(len, got)) < size


async def test_a_file_that_changes_meanwhile_is_not_stored(place: Place, tmp_path: Path) -> None:
    source = tmp_path / "log.txt"
    source.write_bytes(b"x" * MIB)
    digest, _ = digest_of(b"before")
    objects = place.contents._objects
    with pytest.raises((ContentChanged, StoreUnavailable)):
        await objects.put("sha256/ab/abcd", source, digest)
    assert not await objects.exists("sha256/ab/abcd")


async def test_no_content_is_in_memory_as_a_whole(place: Place, tmp_path: Path) -> None:
    source = tmp_path / "large.bin"
    with source.open("wb") as file:
        for _ in range(64):
            file.write(os.urandom(MIB))
    tracemalloc.start()
    try:
        digest, _ = await place.contents.put(source)
        await place.contents.save(digest, tmp_path / "copy")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 * MIB
    assert digest_of(tmp_path / "copy")[0] == digest


async def test_a_missing_source_is_not_the_places_fault(place: Place, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await place.contents.put(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        await place.contents.put(tmp_path)


async def test_the_probe_leaves_nothing(place: Place) -> None:
    assert not place.contents.probe.was_up
    await place.contents.probe.check()
    assert await place.contents.probe.is_up()
    assert place.contents.probe.was_up
    assert files_below(place.folder / "probe") == []


async def test_a_signed_address_is_for_one_content_and_shows_nothing(
    object_storage: ObjectStorage, tmp_path: Path
) -> None:
    contents = contents_at(object_storage.url, tmp_path)
    digest, _ = await contents.put(b"<script>alert(1)</script>")
    other, _ = await contents.put(b"other")
    url = await contents.signed_url(digest)
    assert url is not None
    assert SECRET not in url
    async with httpx.AsyncClient() as client:
        got = await client.get(url)
        assert got.content == b"<script>alert(1)</script>"
        assert got.headers["content-type"] == "application/octet-stream"
        assert got.headers["content-disposition"] == "attachment"
        elsewhere = url.replace(digest[7:], other[7:]).replace(
            f"/{digest[7:9]}/", f"/{other[7:9]}/"
        )
        assert (await client.get(elsewhere)).status_code == 403
        assert (await client.get(url.partition("?")[0])).status_code == 403
        assert (await client.put(url, content=b"x")).status_code == 403
    assert await contents_at("", tmp_path).signed_url(digest) is None


async def test_a_bucket_that_does_not_answer_as_it_should(
    object_storage: ObjectStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = contents_at(object_storage.url, tmp_path)
    digest, _ = await contents.put(b"x")
    for word, store in (
        ("no such bucket", contents_at("s3://another-bucket/files", tmp_path)),
        ("SignatureDoesNotMatch", _with_secret(object_storage, monkeypatch)),
    ):
        for asked in (store.probe.check(), store.read(digest), store.put(b"y")):
            with pytest.raises(StoreUnavailable, match=f"{word}.*AWS_ACCESS_KEY_ID") as refused:
                await asked
            assert "wrong-secret" not in str(refused.value)
        assert not await store.probe.is_up()
    await object_storage.stop()
    for asked in (contents.read(digest), contents.put(b"y"), contents.find(digest)):
        with pytest.raises(StoreUnavailable, match="does not answer as it should"):
            await asked
    await object_storage.start()
    assert await contents.read(digest) == b"x"


def _with_secret(storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch) -> ContentStore:
    with monkeypatch.context() as patched:
        patched.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-of-twenty")
        return contents_at(storage.url, Path("/nonexistent"))


@pytest.mark.parametrize(
    "url",
    ["bucket/files", "s3://", "ftp://bucket", "s3://key:secret-in-it@bucket/files", "file://host/x",
     "s3://bucket?token=secret-in-it", "file:relative", "https://bucket.example", "gs://b#x"],
)  # fmt: skip
async def test_an_address_holds_no_credentials(url: str) -> None:
    with pytest.raises(ValidationError, match="write it as s3://bucket/prefix"):
        Settings(artifacts_url=url)


@pytest.mark.parametrize(
    ("url", "kept"),
    [("s3://bucket/files/", "s3://bucket/files"), ("gs://bucket", "gs://bucket"), ("", ""),
     ("az://container/files", "az://container/files"), ("file:///a/b", "file:///a/b")],
)  # fmt: skip
async def test_addresses_of_each_kind(url: str, kept: str) -> None:
    assert Settings(artifacts_url=url).artifacts_url == kept


@pytest.mark.parametrize(
    ("url", "variables"),
    [("gs://bucket/files", {"GOOGLE_SKIP_SIGNATURE": "true"}),
     ("az://container/files", {"AZURE_STORAGE_ACCOUNT_NAME": "a",
                               "AZURE_STORAGE_ACCOUNT_KEY": "c2VjcmV0"})],
)  # fmt: skip
async def test_the_other_clouds_take_their_own_variables(
    url: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert open_objects(url, Path("/nonexistent")).where == url


async def test_a_full_folder_keeps_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "sync_folder", fail)
    contents = contents_at("", tmp_path)
    with pytest.raises(StoreUnavailable, match=r"No space left on device.*free some space"):
        await contents.put(b"x")
    assert files_below(tmp_path / "artifacts" / "incoming") == []
