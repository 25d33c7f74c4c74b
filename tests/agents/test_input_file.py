"""Files that goals name: what is said of those that cannot be read, or change meanwhile."""

import os
from pathlib import Path

import pytest

from perdure.agents import InputError, InputFile

WANTED = "a table"


def test_what_is_known_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 70_000)
    monkeypatch.chdir(tmp_path)
    found = InputFile.look_at("a.csv", wanted=WANTED)
    assert (found.path, found.size) == (str(tmp_path / "a.csv"), 70_000)
    assert found.head == b"x" * 65_536
    assert InputFile.unchanged(*found[:3]) == tmp_path / "a.csv"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("nowhere/a.csv", "there is no file .*nowhere/a.csv: give a path that exists where"),
        ("file/a.csv", "there is no file"),
        (".", "is a folder: give the path of a table"),
        ("pipe", "is not a regular file: give the path of a table"),
        ("blank", "is empty: give a table with something in it"),
        ("a\0b", "cannot be read .*: give the path of a table"),
        ("x" * 5_000, "cannot be read .*: give the path of a table"),
        ("~nobody-of-that-name/a", "names no file .*: give a table"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("x")
    Path("blank").write_bytes(b" \n\t")
    os.mkfifo("pipe")
    with pytest.raises(InputError, match=says):
        InputFile.look_at(path, wanted=WANTED)


def test_a_file_that_is_another_by_now_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("one")
    found = InputFile.look_at(str(file), wanted=WANTED)
    os.utime(file, ns=(1, found.modified + 1))
    with pytest.raises(InputError, match="changed while it was being read"):
        InputFile.unchanged(*found[:3])
    file.unlink()
    with pytest.raises(InputError, match="was removed while it was being read"):
        InputFile.unchanged(*found[:3])
