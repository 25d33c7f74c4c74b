"""What the agent answers from the examples, and that it quotes nothing but what is there."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from perdure.agents import InputError
from perdure.testing import MemoryJournal, Rehearsal, rehearse
from perdure_research.parameters import ResearchParameters
from perdure_research.plugin import check, register_agents
from perdure_research.reading.plain_text import read_plain
from perdure_research.reading.readings import read_bytes

EXAMPLES = Path(__file__).parents[3] / "examples" / "research"
CAUSES = (
    "rust eats the bolts",
    "floods carry off the piers",
    "lorries overload their decks",
    "ice splits old stone",
    "earthquakes shake them loose",
    "ships ram the columns",
    "cables fray in wind",
    "inspectors overlook cracks",
    "salt weakens steel",
    "builders skimp on concrete",
    "heat buckles rails",
    "trees root into joints",
    "barges drag anchors below",
    "welders leave gaps inside",
)
QUESTION = "Why do long-running agents lose work, and what prevents it?"


async def research(question: str, *sources: Path | str, **more: Any) -> Rehearsal:
    given: list[Any] = [str(source) for source in sources]
    return await rehearse("research", question, {"sources": given, **more})


def citations(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    return list(json.loads(rehearsal.files["citations.json"]))


async def test_the_question_of_the_examples_is_answered_in_both_parts() -> None:
    rehearsal = await research(QUESTION, EXAMPLES)
    cited = citations(rehearsal)
    answer = str(rehearsal.result.data["answer"])
    assert "lives in the memory of one process" in answer
    assert "Durable execution prevents" in answer
    assert len({one["source"] for one in cited}) >= 3
    assert [one["number"] for one in cited] == list(range(1, len(cited) + 1))
    assert all(f"[{one['number']}]" in answer for one in cited)
    assert "[1]" in rehearsal.result.summary
    assert len(rehearsal.result.summary) < 500
    assert rehearsal.result.data["citations"] == cited
    assert rehearsal.result.data["failed"] == []
    assert [told.percentage for told in rehearsal.progress] == sorted(
        told.percentage for told in rehearsal.progress
    )


@pytest.mark.parametrize("depth", ["quick", "standard", "comprehensive"])
async def test_every_quote_stands_word_for_word_in_its_source(depth: str) -> None:
    rehearsal = await research(QUESTION, EXAMPLES, depth=depth)
    report = rehearsal.files["report.md"].decode()
    kinds = set()
    for one in citations(rehearsal):
        path = Path(one["address"])
        kinds.add(path.suffix)
        if path.suffix in {".md", ".txt"}:
            text = path.read_text(encoding="utf-8")  # noqa: ASYNC240
            assert one["quote"] in text
            line = text.count("\n", 0, text.index(one["quote"])) + 1
            assert one["line"] == line
            assert f"line {line}" in one["place"]
        else:
            content = path.read_bytes()  # noqa: ASYNC240
            assert one["quote"] in read_bytes(path.name, content).content.text
        if path.suffix == ".pdf":
            assert f"page {one['page']}" in one["place"]
        assert "\n".join(f"> {line}" for line in one["quote"].split("\n")) in report
    assert kinds >= {".md"}


async def test_depth_decides_how_much_is_quoted(tmp_path: Path) -> None:
    for cause in CAUSES:
        text = f"Bridges fail because {cause} again and again. Paint is blue."
        (tmp_path / f"{cause.split()[0]}.txt").write_text(text)
    counted = [
        len(citations(await research("Why do bridges fail?", tmp_path, depth=depth)))
        for depth in ("quick", "standard", "comprehensive")
    ]
    assert counted == [3, 6, 12]


async def test_pdf_and_html_are_quoted_with_their_places() -> None:
    pdf = citations(await research("What did journaled steps cost?", EXAMPLES))
    assert any(one["page"] == 2 and "What prevented losses" in one["place"] for one in pdf)
    page = citations(await research("Why should a step be safe to repeat?", EXAMPLES))
    assert any(one["source"].endswith("retries.html") for one in page)


async def test_the_same_sources_give_the_same_answer() -> None:
    first, second = await research(QUESTION, EXAMPLES), await research(QUESTION, EXAMPLES)
    assert first.files == second.files
    assert first.result == second.result


async def test_the_same_text_counts_once_and_the_same_words_are_one_claim(tmp_path: Path) -> None:
    said = "Gulls lose their way because the fog hides the harbour lights."
    (tmp_path / "a.txt").write_text(said)
    (tmp_path / "b.txt").write_text(said)
    (tmp_path / "c.txt").write_text(said + " It was a long year.")
    rehearsal = await research("Why do gulls lose their way?", tmp_path)
    (cited,) = citations(rehearsal)
    assert cited["quote"] == said
    assert [Path(one).name for one in cited["also"]] == ["c.txt"]
    report = rehearsal.files["report.md"].decode()
    assert "2 sources read, 1 of them quoted" in report
    assert "The same words stand in" in report


@pytest.mark.parametrize("second", ["They carry bridges away because ice is heavy.", "They rest."])
async def test_a_sentence_that_another_quote_brings_along_is_not_quoted_twice(
    second: str, tmp_path: Path
) -> None:
    said = f"Old bridges fail because ice lifts their piers in late winter. {second}"
    (tmp_path / "a.txt").write_text(said)
    cited = citations(await research("Why do bridges fail under ice?", tmp_path))
    assert "".join(one["quote"] for one in cited).count("lifts their piers") == 1


async def test_a_greater_depth_quotes_more_of_the_examples() -> None:
    standard = citations(await research(QUESTION, EXAMPLES))
    comprehensive = citations(await research(QUESTION, EXAMPLES, depth="comprehensive"))
    assert len(standard) == 6 < len(comprehensive)
    assert any("deploys and restarts" in one["quote"] for one in standard)


async def test_irregular_forms_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The ship lost its anchor in the storm of 1911. Nobody knew.")
    cited = citations(await research("How did the ship lose an anchor?", tmp_path))
    assert cited[0]["quote"] == "The ship lost its anchor in the storm of 1911."


async def test_sources_that_fail_are_reported_and_hurt_nothing(tmp_path: Path) -> None:
    missing, empty = tmp_path / "nowhere.md", tmp_path / "empty.txt"
    empty.touch()
    rehearsal = await research(QUESTION, EXAMPLES, missing, empty, "ftp://127.0.0.1/a")
    failed: Any = rehearsal.result.data["failed"]
    assert len(failed) == 3
    report = rehearsal.files["report.md"].decode()
    for one in failed:
        assert one["source"] in report
        assert one["reason"] in report


async def test_a_retry_reads_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "a.txt"
    source.write_text("Bridges fail because rust eats the bolts. Paint prevents rust.")

    def break_down(*_: object) -> str:
        raise OSError("the disk is full")

    journal = MemoryJournal()
    given: dict[str, JsonValue] = {"sources": [str(source)]}
    with monkeypatch.context() as broken:
        broken.setattr("perdure_research.research.write_report", break_down)
        with pytest.raises(OSError, match="disk is full"):
            await rehearse("research", "Why do bridges fail?", given, journal=journal)
    known = set(await journal.load())
    source.unlink()
    rehearsal = await rehearse("research", "Why do bridges fail?", given, journal=journal)
    assert citations(rehearsal)[0]["quote"] == "Bridges fail because rust eats the bolts."
    assert set(await journal.load()) == known


@pytest.mark.parametrize("sources", [[], [" "]])
async def test_without_sources_there_is_nothing_to_read(sources: list[str]) -> None:
    expected = (
        "research has nothing to read: set the parameter sources to folders, files or URLs, or"
        " search to a provider"
    )
    with pytest.raises(InputError) as refused:
        await research(QUESTION, *sources)
    assert str(refused.value) == expected


async def test_when_nothing_answers_that_is_the_answer() -> None:
    rehearsal = await research("Which cheese goes with quince?", EXAMPLES)
    assert rehearsal.result.data["status"] == "not-said"
    assert rehearsal.result.summary == (
        "The sources do not speak of “quince”."
        " None of the 5 sources answers “Which cheese goes with quince?”."
    )
    assert citations(rehearsal) == []
    assert rehearsal.result.data["claims"] == []


async def test_the_report_holds_positions_archived_texts_and_its_schema() -> None:
    rehearsal = await research(QUESTION, EXAMPLES)
    report = json.loads(rehearsal.files["report.json"])
    schema = json.loads(rehearsal.files["report.schema.json"])
    assert set(schema["properties"]) == set(report)
    archives = {one["id"]: one["archive"] for one in report["sources"]}
    assert len(archives) == 5
    for one in report["citations"]:
        text = rehearsal.files[archives[one["source_id"]]].decode()
        assert text[one["start"] : one["end"]] == one["quote"]
    numbers = {one["number"] for one in report["citations"]}
    assert all(set(claim["citations"]) <= numbers for claim in report["claims"])
    with zipfile.ZipFile(io.BytesIO(rehearsal.files["sources.zip"])) as archive:
        assert {f"{one}.txt" for one in archives} == set(archive.namelist())


async def test_the_page_needs_no_other_file_and_shows_sides_beside_each_other(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("The drug is safe for children under six. <script>x</script>")
    (tmp_path / "b.txt").write_text("The drug is not safe for children under six.")
    rehearsal = await research("Is the drug safe for children?", tmp_path)
    page = rehearsal.files["report.html"].decode()
    assert page.count('<div class="side">') == 2
    assert "<script" not in page
    assert "http" not in page.partition("<body>")[2]
    assert rehearsal.result.data["status"] == "contradicting"
    assert "is safe" in rehearsal.result.summary
    assert "is not safe" in rehearsal.result.summary


def test_the_plugin_imports_little_and_says_what_it_needs() -> None:
    code = (
        "import sys, perdure_research.plugin as p; list(p.check());"
        "print([m for m in ('httpx','lxml','charset_normalizer','pypdfium2') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
    assert all(part.found for part in check() if part.required)
    assert [spec.name for spec in register_agents()] == ["research"]


def test_relative_sources_are_made_absolute_by_the_command_line() -> None:
    schema = ResearchParameters.model_json_schema()["properties"]["sources"]
    assert schema["items"]["format"] == "path"


def test_markdown_keeps_headings_lines_and_code() -> None:
    text = "# Top\n\nOne.\n\n## Inner\n\n- Item one\n\n```\nno = quote\n```\nLast line.\n"
    content = read_plain(text, markdown=True).content
    assert content.text == text
    told = [(content.of(one), one.form, one.heading, one.line) for one in content.blocks]
    assert told == [
        ("Top", "heading", (), 1),
        ("One.", "paragraph", ("Top",), 3),
        ("Inner", "heading", ("Top",), 5),
        ("Item one", "item", ("Top", "Inner"), 7),
        ("no = quote", "code", ("Top", "Inner"), 10),
        ("Last line.", "paragraph", ("Top", "Inner"), 12),
    ]
