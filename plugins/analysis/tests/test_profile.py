"""What the profile says, against figures reckoned here in plain Python."""

import csv
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from pathlib import Path
from statistics import mean, median, quantiles, stdev
from typing import Any

import pytest

from perdure.agents import AgentSpec, Progress, StepFailed
from perdure.testing import Rehearsal, rehearse
from perdure_analysis.plugin import check, register_agents
from perdure_analysis.profile import charts
from perdure_analysis.profile.chart_choice import Picture

SALES = Path(__file__).parents[3] / "examples" / "analysis" / "sales.csv"
GOAL = "Profile the sales"


async def profile(path: Path, goal: str = GOAL) -> Rehearsal:
    return await rehearse("analysis", goal, {"path": str(path)})


def facts(rehearsal: Rehearsal) -> dict[str, Any]:
    return dict(json.loads(rehearsal.files["profile.json"]))


def data(rehearsal: Rehearsal) -> dict[str, Any]:
    return dict(rehearsal.result.data)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with SALES.open(newline="") as file:
        return list(csv.DictReader(file))


async def test_the_sales_are_described_truly(rows: list[dict[str, str]]) -> None:
    rehearsal = await profile(SALES)
    found = facts(rehearsal)
    described = {column["name"]: column for column in found["columns"]["columns"]}
    revenue = [float(row["revenue"]) for row in rows if row["revenue"] not in {"", "pending"}]
    numbers = described["revenue"]["numbers"]
    low, middle, high = quantiles(revenue, n=4, method="inclusive")
    reach = 1.5 * (high - low)
    expected = {
        "minimum": min(revenue),
        "lower_quartile": low,
        "median": median(revenue),
        "mean": mean(revenue),
        "upper_quartile": high,
        "maximum": max(revenue),
        "standard_deviation": stdev(revenue),
        "total": sum(revenue),
    }
    assert middle == median(revenue)
    assert {name: numbers[name] for name in expected} == pytest.approx(expected)
    assert numbers["outliers"] == sum(not low - reach <= v <= high + reach for v in revenue)
    farthest = numbers["extremes"][0]
    assert float(rows[farthest["row"] - 1]["revenue"]) == farthest["value"]
    assert sum(one["count"] for one in numbers["bins"]) + numbers["beyond_bins"] == len(revenue)

    assert described["rating"]["missing"] == sum(not row["rating"] for row in rows)
    assert described["channel"]["top"][0] == {
        "value": "online",
        "count": (count := Counter(row["channel"] for row in rows)["online"]),
        "share": pytest.approx(count / sum(bool(row["channel"]) for row in rows)),
    }
    assert described["order_id"]["kind"] == "identifier"
    repeats = len(rows) - len({tuple(row.values()) for row in rows})
    assert found["relations"]["duplicates"] == repeats == 3

    months: dict[str, float] = defaultdict(float)
    for row in rows:
        if row["revenue"] not in {"", "pending"}:
            months[row["date"][:7]] += float(row["revenue"])
    followed = found["trends"]["trends"][0]
    assert followed["unit"] == "month"
    assert {p["start"][:7]: p["value"] for p in followed["points"]} == pytest.approx(months)
    assert all(point["complete"] for point in followed["points"])


async def test_the_report_refers_to_the_pictures_that_are_there() -> None:
    rehearsal = await profile(SALES)
    report = rehearsal.files["report.md"].decode()
    pictures = [name for name in rehearsal.files if name.startswith("charts/")]
    assert len(pictures) >= 8
    for name in pictures:
        assert f"]({name})" in report
        assert ET.fromstring(rehearsal.files[name]).tag.endswith("svg")
    assert report.count("](charts/") == len(pictures)
    for finding in data(rehearsal)["findings"]:
        assert f"- {finding}" in report
    assert "'pending'" in report
    assert "`West` = `west`" in report
    assert {artifact.name for artifact in rehearsal.result.artifacts} == set(rehearsal.files)
    assert rehearsal.result.metadata["agent_type"] == "analysis"


async def test_progress_rises_from_0_to_100() -> None:
    progress = (await profile(SALES)).progress
    percentages = [told.percentage for told in progress]
    assert percentages == sorted(percentages)
    assert percentages[0] == 0
    assert progress[-1] == Progress(
        percentage=100, message="profiled sales.csv", step=progress[-1].step
    )
    assert all(told.message for told in progress)


async def test_two_runs_make_the_same_files_to_the_byte() -> None:
    assert (await profile(SALES)).files == (await profile(SALES)).files


async def test_a_retry_repeats_no_finished_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from perdure.testing import MemoryJournal  # what a retry starts from

    file = tmp_path / "sales.csv"
    file.write_bytes(SALES.read_bytes())
    journal, drawn = MemoryJournal(), []
    draw = charts.draw

    def draw_until_it_breaks(picture: Picture) -> bytes:
        drawn.append(picture.name)
        if len(drawn) == 4:
            raise OSError("no space left on device")
        return draw(picture)

    monkeypatch.setattr(charts, "draw", draw_until_it_breaks)
    with pytest.raises(StepFailed, match="no space left") as caught:
        await rehearse("analysis", GOAL, {"path": str(file)}, journal=journal)
    assert not caught.value.failure.permanent
    first_pass = list(drawn)
    file.unlink()  # nothing that is left to do needs it
    again = await rehearse("analysis", GOAL, {"path": str(file)}, journal=journal)
    assert set(drawn[4:]).isdisjoint(first_pass[:3])
    assert drawn[4] == first_pass[3]
    reference = (await profile(SALES)).files
    assert {n: b for n, b in again.files.items() if n.startswith("charts/")} == {
        n: b for n, b in reference.items() if n.startswith("charts/")
    }


async def test_a_file_that_changes_in_mid_run_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from perdure.testing import MemoryJournal

    file = tmp_path / "sales.csv"
    file.write_bytes(SALES.read_bytes())
    journal = MemoryJournal()
    agent = "perdure_analysis.analysis.relate"
    with monkeypatch.context() as patch:
        patch.setattr(agent, _break)
        with pytest.raises(StepFailed, match="went away"):
            await rehearse("analysis", GOAL, {"path": str(file)}, journal=journal)
    file.write_bytes(SALES.read_bytes() + b"1,2024-01-01,North,Kitchen,Kettle,shop,1,1,0,1,5\n")
    with pytest.raises(StepFailed, match="changed while it was being read"):
        await rehearse("analysis", GOAL, {"path": str(file)}, journal=journal)


def _break(*_: object) -> None:
    raise OSError("the worker's disk went away")


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    await profile(SALES)
    assert entries(tmp_path) == []


async def test_the_goal_may_name_the_measure() -> None:
    assert data(await profile(SALES))["measure"]["column"] == "revenue"
    asked = data(await profile(SALES, "How does the unit price develop?"))["measure"]
    assert asked == {"column": "unit_price", "additive": False, "why": "the goal names it"}


async def test_a_clear_trend_is_told_and_a_partial_period_does_not_make_one(tmp_path: Path) -> None:
    file = tmp_path / "visits.csv"
    days = [f"{2022 + m // 12}-{m % 12 + 1:02}-{d:02}" for m in range(24) for d in range(1, 29)]
    lines = [f"{day},{100 + n // 28 * 10}" for n, day in enumerate(days)]
    file.write_text("day,visits\n" + "\n".join(lines[:-20]) + "\n")
    rehearsal = await profile(file)
    trend = data(rehearsal)["trend"]
    assert trend["clear"]
    assert trend["slope"] == pytest.approx(280)
    assert facts(rehearsal)["trends"]["trends"][0]["points"][-1]["complete"] is False
    assert "the total of `visits` rises by about 280 a month" in rehearsal.result.summary


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a\n1\n", "1 row and 1 column"),
        ("x,y\n" + "9e99,-9e99\n-9e99,9e99\n1e308,2\n" * 20, "20 values that are infinite"),
        ("x\n" + "inf\nnan\n1.5\n2.5\n" * 9, "18 values that are infinite, not a number"),
        ("k,v\n" + "a,\n" * 5, "`v` holds no value at all"),
        ("d\n9999-12-31\n2024-01-01\n2024-02-01\n", "9999-12-31"),
        ("`a|b`,c\n" + "".join(f"<b>|x{n % 2},{n}\n" for n in range(30)), "30 rows"),
        ("price\n" + "".join(f'"€1,{n:03}.50"\n' for n in range(60)), "comma for thousands"),
        ("when\n" + "".join(f"{n % 9 + 1:02}/{n % 7 + 1:02}/2024\n" for n in range(60)), "60 rows"),
        (",".join(f"c{n}" for n in range(120)) + "\n" + ("1," * 119 + "1\n") * 3, "120 columns"),
    ],
)
async def test_odd_tables_are_profiled_too(content: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "odd.csv"
    file.write_text(content)
    rehearsal = await profile(file)
    report = rehearsal.files["report.md"].decode()
    assert says in report
    assert "<b>" not in re.sub("`[^`]*`", "", report)
    json.loads(rehearsal.files["profile.json"], parse_constant=pytest.fail)


def test_registering_imports_nothing_heavy() -> None:
    heavy = ("duckdb", "altair", "vl_convert", "pandas", "numpy", "markdown_it", "pydantic_ai")
    program = (
        "import sys, perdure_analysis.plugin as p; p.register_agents();"
        f" print([name for name in {heavy} if name in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )
    assert told.stdout.strip() == "[]"


def test_the_doctor_finds_every_library() -> None:
    (spec,) = register_agents()
    assert isinstance(spec, AgentSpec)
    assert [(one.part, one.found, bool(one.version)) for one in check()] == [
        ("duckdb", True, True),
        ("altair", True, True),
        ("vl-convert-python", True, True),
        ("python-calamine", True, True),
        ("olefile", True, True),
        ("markdown-it-py", True, True),
    ]
