"""``--param``: text stays text where the parameter takes it, and paths become absolute."""

from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from perdure.agents import InputPath
from perdure.cli.runtime.parameters import read_parameters


def test_an_existing_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reads(BaseModel):
        path: InputPath = Field(description="What to read.")
        more: list[InputPath] = []
        maybe: InputPath | None = None
        text: str = ""

    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.csv").touch()
    given = [
        "path=sales.csv",
        'more=["sales.csv", "https://x.example/y"]',
        "text=sales.csv",
        "maybe=sales.csv",
    ]
    assert read_parameters(given, Reads) == {
        "path": str(tmp_path / "sales.csv"),
        "more": [str(tmp_path / "sales.csv"), "https://x.example/y"],
        "text": "sales.csv",
        "maybe": str(tmp_path / "sales.csv"),
    }
    assert read_parameters(["path=gone.csv"], Reads) == {"path": "gone.csv"}
