"""What the agent can be asked to do, and the sentences that refuse what does not fit together."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from perdure.agents import InputError, ParametersRefused, StepFailed
from perdure.testing import ModelServer, rehearse
from perdure_document.parameters import DocumentParameters

EXAMPLES = Path(__file__).parents[3] / "examples" / "document"


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({}, "path, or paths, is needed: name what to extract"),
        ({"path": "a.md", "paths": ["b.md"]}, "give path or paths, not both"),
        ({"action": "compare", "path": "a.md"}, "two files in paths, the older first, and path"),
        ({"action": "compare", "paths": ["a", "b", "c"]}, "and paths has 3"),
        ({"action": "assemble", "path": "a.md"}, "name two or more in paths"),
        ({"action": "redact", "path": "a.md"}, "needs words, names, patterns or kinds"),
        ({"action": "redact", "path": "a.md", "patterns": ["("]}, "no regular expression"),
        ({"action": "redact", "path": "a.md", "patterns": ["x*"]}, "matches nothing at all"),
        ({"action": "redact", "path": "a.md", "words": [" - "]}, "has no letter or figure"),
        ({"action": "redact", "path": "a.md", "kinds": ["fax"]}, "kinds.0: Input should be"),
        ({"action": "fields", "path": "a.md"}, "fields needs json_schema"),
        ({"action": "fields", "path": "a.md", "json_schema": '{"type'}, "this is no JSON"),
        ({"action": "convert", "path": "a.md"}, "convert needs to: docx or pdf"),
        ({"path": "a.md", "words": ["Rita"]}, "words is for redact, and action is extract"),
        ({"path": "a.md", "to": "pdf"}, "to is for convert and assemble"),
        (
            {"action": "convert", "path": "a.md", "to": "pdf", "text_only": True},
            "text_only is for extract, and action is convert",
        ),
        ({"action": "translate", "path": "a.md"}, "action: Input should be 'extract'"),
    ],
)
async def test_what_does_not_fit_together_is_refused_up_front(
    parameters: dict[str, Any], says: str
) -> None:
    with pytest.raises(ParametersRefused) as caught:
        await rehearse("document", "Do it", parameters)
    assert says in str(caught.value)


async def test_the_text_alone_asks_no_model_and_chooses_no_sentences(
    model_server: ModelServer,
) -> None:
    given: dict[str, JsonValue] = {"path": str(EXAMPLES / "notes.md"), "text_only": True}
    alone = await rehearse("document", "Extract it", given)
    assert alone.result.data["key_sentences"] == []
    assert not model_server.requests
    assert "notes.md" in alone.files
    assert not [key for key in await alone.journal.load() if "sentence" in key.name]


def test_a_json_schema_may_be_given_as_text() -> None:
    given = DocumentParameters.model_validate(
        {"action": "fields", "path": "a.md", "json_schema": '{"properties": {}}'}
    )
    assert given.json_schema == {"properties": {}}


async def test_one_bad_file_spoils_none(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for name in ("notes.md", "other/notes.md"):
        (tmp_path / name).write_bytes((EXAMPLES / "notes.md").read_bytes())
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nrubbish")
    paths = ["notes.md", "broken.pdf", "gone.docx", "other/notes.md"]
    rehearsal = await rehearse(
        "document", "Extract them", {"paths": [str(tmp_path / path) for path in paths]}
    )
    assert {"notes.md", "notes-2.md", "notes.json", "index.html"} <= set(rehearsal.files)
    assert rehearsal.files["notes.md"] == rehearsal.files["notes-2.md"]
    data: dict[str, Any] = dict(rehearsal.result.data)
    assert [Path(one["path"]).name for one in data["refused"]] == ["broken.pdf", "gone.docx"]
    assert "is a damaged PDF" in data["refused"][0]["reason"]
    assert [one["artifacts"][0] for one in data["files"]] == ["notes.md", "notes-2.md"]
    assert rehearsal.result.summary.startswith("Extracted 2 of 4 files")
    assert "damaged PDF" in rehearsal.files["index.html"].decode()


async def test_when_no_file_can_be_read_the_goal_fails(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of 2 files could be used to extract"):
        await rehearse(
            "document", "Extract", {"paths": [str(tmp_path / "a.md"), str(tmp_path / "b.md")]}
        )


async def test_both_versions_must_be_readable(tmp_path: Path) -> None:
    paths: list[JsonValue] = [str(EXAMPLES / "notes.md"), str(tmp_path / "gone.md")]
    with pytest.raises(StepFailed, match="there is no file"):
        await rehearse("document", "Compare", {"action": "compare", "paths": paths})
