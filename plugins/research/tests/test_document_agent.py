"""Files that the document agent reads where it is installed: delegated in batches, once."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from perdure.agents import Artifact, Result
from perdure.testing import MemoryJournal, Rehearsal, StillWaiting, rehearse
from perdure_research.reading.documents import document_agent
from perdure_research.reading.documents.extracted import read_extracted

QUESTION = "What does the pump cost?"
MARKDOWN = """<!-- Created: 2024-03-01T00:00:00+00:00; Modified: 2025-05-17T10:00:00+00:00 -->

<!-- page 1 -->

# Pumps \\*new\\*

Our pumps are **quiet**, see [the list](<https://pumps.example/a>).

<!-- page 2 -->

Every pump is tested.

| Item | Price |
|:--|:--|
| Pump\\_A | 90 euros |

---

- Page 3 has no text but a picture.
"""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_installed() -> bool:
        return True

    monkeypatch.setattr(document_agent, "is_installed", is_installed)


def extracted(files: Mapping[Path, str | None], *, refused: Mapping[Path, str]) -> Rehearsal:
    """Return what the document agent delivers of files; nothing of those without a text."""
    contents: dict[str, bytes] = {}
    listed: list[JsonValue] = []
    for path, text in files.items():
        if text is not None:
            contents[f"{path.stem}.md"] = text.encode()
            listed.append(
                {
                    "path": str(path),
                    "kind": "docx",
                    "title": "Pumps",
                    "notes": ["Page 3 has no text but a picture."],
                    "artifacts": [f"{path.stem}.md", f"{path.stem}.json"],
                }
            )
    artifacts = tuple(
        Artifact(
            name=name,
            media_type="text/markdown",
            digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
            size=len(content),
        )
        for name, content in contents.items()
    )
    told: list[JsonValue] = [
        {"path": str(path), "reason": reason} for path, reason in refused.items()
    ]
    result = Result(data={"files": listed, "refused": told}, artifacts=artifacts)
    return Rehearsal(result, (), contents, MemoryJournal())


async def research(folder: Path, results: Mapping[str, Result | Rehearsal] | None) -> Rehearsal:
    return await rehearse("research", QUESTION, {"sources": [str(folder)]}, results=results)


def test_markdown_of_the_document_agent_is_read_as_it_was_printed() -> None:
    reading = read_extracted(MARKDOWN, "docx", "Pumps", ("Page 3 has no text but a picture.",))
    told = [
        (reading.content.of(one), one.form, one.heading, one.page, one.columns)
        for one in reading.content.blocks
    ]
    heading = ("Pumps *new*",)
    assert told == [
        ("Pumps *new*", "heading", (), 1, ()),
        ("Our pumps are quiet, see the list.", "paragraph", heading, 1, ()),
        ("Every pump is tested.", "paragraph", heading, 2, ()),
        ("Item | Price", "row", heading, 2, ()),
        ("Pump_A | 90 euros", "row", heading, 2, ("Item", "Price")),
    ]
    assert (reading.format, reading.date) == ("docx", "2025-05-17")
    assert reading.notes == ("Page 3 has no text but a picture.",)


@pytest.mark.usefixtures("installed")
async def test_files_are_delegated_together_and_never_again(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.docx", tmp_path / "bad.pptx"
    good.write_bytes(b"PK\x03\x04" + tmp_path.name.encode())
    bad.write_bytes(b"PK\x03\x04 not a presentation")
    (tmp_path / "plain.txt").write_text("The pump costs 90 euros. It is blue.")
    with pytest.raises(StillWaiting) as waiting:
        await research(tmp_path, None)
    assert [one.parameters for one in waiting.value.waits] == [  # type: ignore[union-attr]
        {"action": "extract", "paths": [str(bad), str(good)], "text_only": True}
    ]
    refused = {bad: f"{bad} is damaged: give an intact copy"}
    document = extracted({good: MARKDOWN, bad: None}, refused=refused)
    first = await research(tmp_path, {"document": document})
    report = json.loads(first.files["report.json"])
    assert [one["format"] for one in report["sources"]] == ["docx", "text"]
    assert report["sources"][0]["notes"] == ["Page 3 has no text but a picture."]
    assert [one["reason"] for one in report["unread"]] == [refused[bad]]
    # Another goal delegates what was refused, and nothing else.
    bad.unlink()
    second = await research(tmp_path, None)
    assert json.loads(second.files["report.json"])["sources"] == report["sources"]


@pytest.mark.usefixtures("installed")
async def test_when_delegating_fails_pdfs_are_read_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = Path(__file__).parents[3] / "examples" / "research"
    monkeypatch.setattr(document_agent, "AGENT", "nobody")
    rehearsal = await rehearse(
        "research",
        "What did journaled steps cost?",
        {"sources": [str(examples / "interrupted-runs.pdf")]},
        delegates=True,
    )
    cited = json.loads(rehearsal.files["citations.json"])
    assert cited[0]["page"] == 2


async def test_without_it_files_are_named_that_it_would_read(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"PK\x03\x04 a document")
    (tmp_path / "b.txt").write_text("The pump costs 90 euros. It is blue.")
    rehearsal = await research(tmp_path, None)
    failed: Any = rehearsal.result.data["failed"]
    assert [Path(one["source"]).name for one in failed] == ["a.docx"]
    assert "pip install perdure-document" in failed[0]["reason"]
