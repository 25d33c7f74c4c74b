"""``perdure batch``: with the server of the command's own, and with one that runs."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import CommandLine, Dev
from tests.support.until import until


def write_rows(perdure: CommandLine, count: int = 3) -> Path:
    file = perdure.folder / "rows.csv"
    lines = ["id,word", *(f"{number},word{number}" for number in range(1, count + 1))]
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_batch_is_done_and_exported_without_a_server_of_ones_own(perdure: CommandLine) -> None:
    write_rows(perdure)
    columns = ("--column", "id=@key", "--column", "word=text")
    run = ("batch", "run", "echo", "--csv", "rows.csv", *columns, "-d", "Say it", "--name", "words")
    done = perdure(*run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("completed  words  batch-")
    assert "3 of 3 items have ended" in done.stdout
    # Once more: nothing is done again.
    again = perdure.json(*run)
    assert (again["items"]["added"], again["items"]["duplicates"]) == (0, 3)
    assert again["batch"]["counts"]["completed"] == 3

    exported = perdure("batch", "export", "words")
    rows = list(csv.DictReader(exported.stdout.splitlines()))
    assert [(row["key"], row["summary"]) for row in rows] == [
        ("1", "said word1"),
        ("2", "said word2"),
        ("3", "said word3"),
    ]
    assert perdure("batch", "export", "words", "--format", "jsonl", "--output", "o").returncode == 0
    lines = (perdure.folder / "o").read_text().splitlines()
    assert [json.loads(line)["result"]["paid"] for line in lines] == [0, 0, 0]
    listed = perdure.json("batch", "list")["batches"]
    assert [batch["name"] for batch in listed] == ["words"]
    items = perdure("batch", "items", "words").stdout
    assert "completed\t1\t" in items
    audited = perdure.json("audit")["entries"]
    assert {entry["action"] for entry in audited} == {"batch.start"}


def test_each_file_is_an_item(perdure: CommandLine) -> None:
    folder = perdure.folder / "files"
    (folder / "deeper").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "deeper/c.txt", "d.md"):
        (folder / name).write_text(name)
    run = ("batch", "run", "echo", "-d", "Wait for it", "--name", "files")
    done = perdure(*run, "--over", "files/**/*.txt")
    assert done.returncode == 0, done.stderr
    items = perdure.json("batch", "items", "files")["items"]
    assert [Path(item["key"]).name for item in items] == ["a.txt", "b.txt", "c.txt"]
    assert items[0]["parameters"] == {"wait_for": str(folder / "a.txt")}
    more = ("--over", "files/a.txt", "--over", "files/*.md")
    added = perdure.json("batch", "add", "files", *more)
    assert (added["items"]["added"], added["items"]["duplicates"]) == (1, 1)


def test_what_is_wrong_is_said(perdure: CommandLine) -> None:
    (perdure.folder / "rows.jsonl").write_text('{"parameters": {"text": "a"}}\nbroken\n')
    run = ("batch", "run", "echo", "-d", "Say it")
    for options, words in (
        ((), "say where the items are"),
        (("--over", "*.none"), "fits no file here"),
        (("--lines", "rows.jsonl", "--column", "a=b"), "--column says what a column of --csv is"),
        (("--lines", "rows.jsonl", "--as", "text"), "--as names the parameter"),
        (("--lines", "rows.jsonl", "--param", "text"), "has no value"),
    ):
        wrong = perdure(*run, *options)
        assert wrong.returncode == 1, options
        assert words in wrong.stderr
    (perdure.folder / "empty.jsonl").write_text("\n")
    assert "has no item" in perdure(*run, "--lines", "empty.jsonl").stderr
    done = perdure(*run, "--lines", "rows.jsonl", "--name", "rows")
    assert done.returncode == 1
    assert "1 items are invalid" in done.stderr
    (invalid,) = perdure.json("batch", "items", "rows", "--status", "invalid")["items"]
    assert invalid["error"]["message"] == "row 2 is not JSON: write one object a line"
    assert "no batch 'none' is on record" in perdure("batch", "show", "none").stderr


@pytest.fixture
def dev(start_dev: Callable[..., Dev]) -> Dev:
    return start_dev()


def test_with_a_server_it_goes_on_and_is_controlled(perdure: CommandLine, dev: Dev) -> None:
    gate = perdure.folder / "gate"
    rows = [{"key": str(n), "parameters": {"wait_for": str(gate)}} for n in range(4)]
    (perdure.folder / "rows").write_text("\n".join(map(json.dumps, rows)))
    run = ("batch", "run", "echo", "-d", "Wait", "--lines", "rows", "--name", "held")
    started = perdure(*run, "--max-parallel", "2", "--detach")
    assert started.returncode == 0, started.stderr
    assert started.stdout.startswith("batch-")

    def running() -> Any:
        return perdure.json("batch", "show", "held")["counts"]["running"] == 2

    until(running, "two items")
    assert perdure.json("batch", "pause", "held")["status"] == "paused"
    assert perdure.json("batch", "resume", "held", "--budget-cost", "3")["status"] == "running"
    gate.touch()
    shown = perdure("batch", "show", "held", "--follow")
    assert shown.stdout.startswith("completed  held")
    # The same over HTTP, from another machine.
    there = ("--server", dev.document["api_url"], "batch")
    assert perdure.json(*there, "show", "held")["counts"]["completed"] == 4
    write_rows(perdure)
    sent = perdure(*there, *run[1:3], "-d", "Say", "--csv", "rows.csv", "--column", "word=text")
    assert sent.returncode == 0, sent.stderr
    assert "3 of 3 items have ended" in sent.stdout
    files = perdure(*there, *run[1:3], "-d", "Say", "--over", "rows*", "--name", "sent")
    assert files.returncode == 0, files.stderr
    items = perdure.json(*there, "items", "sent")["items"]
    assert items[0]["parameters"]["wait_for"].startswith("upload:")
    assert perdure(*there, "export", "sent").stdout.count("completed") == 2
    cancelled = perdure.json("batch", "cancel", "held")
    assert cancelled["status"] == "completed"
