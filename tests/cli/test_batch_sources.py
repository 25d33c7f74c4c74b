"""Where the items of a batch come from on the command line: a bucket, a file that is written to."""

import json
import shutil
from pathlib import Path

import pytest

from perdure.cli.arguments.batch_items import unchanging
from perdure.cli.runtime.errors import WrongInput
from perdure.stores.objects.bucket import BucketStore
from perdure.stores.objects.object_store import digest_of
from tests.support.command_line import CommandLine
from tests.support.object_storage import BUCKET, ObjectStorage

INBOX = f"s3://{BUCKET}/inbox"


async def put(*names: str) -> None:
    for name in names:
        await BucketStore(INBOX).put(name, name.encode(), digest_of(name.encode())[0])


@pytest.mark.asyncio(loop_scope="session")
async def test_each_object_is_an_item_here_and_on_a_server(
    perdure: CommandLine, object_storage: ObjectStorage
) -> None:
    await put("a.txt", "deeper/b.txt")
    cloud = dict(object_storage.environment)
    run = ("batch", "run", "echo", "-d", "Say it")
    here = (*run, "--name", "here", "--over", f"{INBOX}/")
    done = perdure(*here, **cloud)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 items have ended" in done.stdout
    items = perdure.json("batch", "items", "here")["items"]
    assert [item["key"] for item in items] == [f"{INBOX}/a.txt", f"{INBOX}/deeper/b.txt"]
    assert items[0]["parameters"]["wait_for"].endswith("/a.txt")
    again = json.loads(perdure(*here, "--json", **cloud).stdout)
    assert (again["items"]["added"], again["items"]["duplicates"]) == (0, 2)
    mixed = perdure(*here, "--over", "*.txt", **cloud)
    assert mixed.returncode == 1
    assert "--over names files or object storage" in mixed.stderr
    wrong = perdure(*run, "--over", "s3://b/../a", **cloud)
    assert "'s3://b/../a' is no prefix of object storage" in wrong.stderr

    dev = perdure.dev(PERDURE_BATCH_PREFIXES=INBOX, **cloud)
    there = ("--server", dev.document["api_url"], *run)
    sent = perdure(*there, "--name", "there", "--over", f"{INBOX}/deeper/")
    assert sent.returncode == 0, sent.stderr
    assert "1 of 1 items have ended" in sent.stdout
    refused = perdure(*there, "--over", f"s3://{BUCKET}/other/")
    assert refused.returncode == 1
    assert "lies below no prefix that batches may read here" in refused.stderr


def test_a_file_that_is_written_to_while_it_is_copied_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("{}\n")
    copy = shutil.copyfile

    def copy_and_write(source: Path, target: Path) -> None:
        copy(source, target)
        with source.open("a") as writer:
            writer.write("{}\n")

    monkeypatch.setattr(shutil, "copyfile", copy_and_write)
    with pytest.raises(WrongInput, match="was changed while it was read"), unchanging(file):
        raise AssertionError


def test_what_is_written_to_it_afterwards_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("{}\n")
    with unchanging(file) as copy:
        file.write_text("another")
        assert copy.read_text() == "{}\n"
