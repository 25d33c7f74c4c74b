"""The process that reads archives, e-mails and long texts: its limits, and what is said of them."""

import json
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import JsonValue

from perdure.agents import StepFailed
from perdure.testing import rehearse
from perdure_document.reading import reader
from perdure_document.redaction import redaction

EXAMPLES = Path(__file__).parents[3] / "examples" / "document"
REPORT = str(EXAMPLES / "report.docx")


@pytest.fixture(autouse=True)
def nothing_read_before(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(reader, "parsers_version", lambda: request.node.name)


async def test_a_file_that_takes_too_long_is_refused_and_spoils_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "SECONDS", 0.01)
    with pytest.raises(StepFailed, match=r"cannot be read as DOCX \(it takes more than 0.01 sec"):
        await rehearse("document", "Read it", {"path": REPORT})
    notes = str(EXAMPLES / "notes.md")
    done = await rehearse("document", "Read them", {"paths": [REPORT, notes]})
    (refused,) = json.loads(json.dumps(done.result.data))["refused"]
    assert "report.docx cannot be read as DOCX" in refused["reason"]
    assert "notes.md" in done.files
    assert not psutil.Process().children()


async def test_a_redaction_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_SECONDS", 0.01)
    parameters: dict[str, Any] = {"action": "redact", "path": REPORT, "words": ["archive"]}
    with pytest.raises(StepFailed, match="cannot be redacted as DOCX"):
        await rehearse("document", "Take it out", parameters)
    assert not psutil.Process().children()


async def test_one_process_reads_all_files_and_ends_with_the_goal() -> None:
    paths: list[JsonValue] = [
        str(EXAMPLES / name) for name in ("report.docx", "slides.pptx", "figures.xlsx")
    ]
    done = await rehearse("document", "Read them", {"paths": paths})
    assert {"report.md", "slides.md", "figures.md"} <= set(done.files)
    assert not psutil.Process().children()
