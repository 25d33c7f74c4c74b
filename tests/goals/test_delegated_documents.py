"""The research agent has the document agent read files, in a real installation."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import JsonValue

from perdure.testing import Installation, ModelServer

pytestmark = pytest.mark.bundled

CASES = Path(__file__).parents[2] / "evals" / "cases" / "document"


@pytest.fixture
def installation(tmp_path: Path, model_server: ModelServer) -> Iterator[Installation]:
    """Run one for this test: the one of our own fixtures names its model for the whole run."""
    installation = Installation(tmp_path / "installation")
    try:
        yield installation.start()
    finally:
        installation.stop()


async def test_research_quotes_what_the_document_agent_has_read(
    installation: Installation, tmp_path: Path
) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "bad.docx").write_bytes(b"PK\x03\x04 no document")
    (folder / "note.txt").write_text("Tides rise and fall twice a day.")
    sources: list[JsonValue] = [str(CASES / "pptx" / "tide.pptx"), str(folder)]
    result = await installation.finish(
        "research", "What do tide gauges measure?", {"sources": sources}
    )
    (artifact,) = (one for one in result.artifacts if one.name == "report.json")
    report = json.loads(installation.read(artifact))
    assert [one["format"] for one in report["sources"]] == ["pptx", "text"]
    assert [Path(one["source"]).name for one in report["unread"]] == ["bad.docx"]
