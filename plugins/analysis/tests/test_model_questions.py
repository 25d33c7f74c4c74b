"""Questions with a model: its queries are guarded, and no figure of its own is delivered."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from perdure.agents import AnswerRefused
from perdure.testing import (
    AgentContract,
    ChatRequest,
    ModelServer,
    Rehearsal,
    Reply,
    ToolCall,
    calls,
    garbles,
    rehearse,
    says,
)
from perdure_analysis.answers.answer import Rows
from perdure_analysis.answers.answering import understand_questions
from perdure_analysis.loading.source import look_at
from perdure_analysis.model.asking import Queried, run_query
from perdure_analysis.model.figures import refuse_untraceable
from perdure_analysis.profile.columns import describe_columns
from perdure_analysis.table_session import TableSession

SALES = Path(__file__).parents[3] / "examples" / "analysis" / "sales.csv"
# Beyond the rules, though they know each word: they rank by one end.
QUESTION = "Which channel has the highest mean unit price, and which the lowest?"
QUERY = (
    'SELECT channel, round(avg("unit_price"), 2) AS mean FROM data WHERE channel IS NOT NULL'
    " GROUP BY channel ORDER BY mean DESC"
)


def queries(*sql: str) -> list[Reply]:
    return [calls(ToolCall("query", {"sql": one})) for one in sql]


async def asked(question: str = QUESTION) -> Rehearsal:
    return await rehearse("analysis", question, {"path": str(SALES)})


def answer_of(rehearsal: Rehearsal) -> dict[str, Any]:
    (answer,) = json.loads(json.dumps(rehearsal.result.data["answers"]))
    return dict(answer)


async def test_a_models_query_is_run_shown_and_its_answer_delivered(
    model_server: ModelServer,
) -> None:
    def expert(request: ChatRequest) -> Reply:
        if request.messages[-1]["role"] != "tool":
            return queries(QUERY)[0]
        name, figure = json.loads(request.last)["rows"][0]
        return says(f"The channel {name} has the highest mean, {figure}.")

    model_server.answers(expert)
    rehearsal = await asked()
    answer = answer_of(rehearsal)
    prices: dict[str, list[float]] = defaultdict(list)
    with SALES.open(newline="") as file:
        for row in csv.DictReader(file):
            prices[row["channel"]].append(float(row["unit_price"]))
    prices.pop("")
    means = {channel: round(mean(found), 2) for channel, found in prices.items()}
    top = max(means, key=lambda channel: means[channel])
    assert rehearsal.result.summary == f"The channel {top} has the highest mean, {means[top]}."
    assert rehearsal.result.metadata["way"] == "model"
    assert answer["readings"][0]["query"] == QUERY
    assert answer["readings"][0]["columns_used"] == ["channel", "unit_price"]
    assert QUERY in rehearsal.files["report.md"].decode()
    assert rehearsal.files["tables/answer-1-1.parquet"].startswith(b"PAR1")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ([says("It is 42.")], "no query"),
        ([says("lorem ipsum dolor")], "no query"),
        ([*queries(QUERY), says("The shop has a mean of 42.17.")], "42.17"),
        ([*queries(QUERY), says("There are fifteen channels.")], "fifteen"),
        ([*queries(QUERY), says("")], ""),
        (queries(*["SELECT 42 AS mean FROM data"] * 9), ""),
        ([garbles()] * 9, ""),
    ],
)
async def test_nonsense_leaves_the_answer_of_the_rules(
    model_server: ModelServer, script: list[Reply], why: str
) -> None:
    model_server.answers(script)
    rehearsal = await asked()
    assert rehearsal.result.summary.startswith("Cannot tell whether 'highest' or 'lowest'")
    assert "42" not in rehearsal.result.summary.split(". ")[0]
    assert rehearsal.result.metadata["way"] == "rules"
    assert why in str(rehearsal.result.metadata["way_reason"])
    assert answer_of(rehearsal)["status"] == "refused"


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("What is the average wingspan?", "wingspan"),
        ("How much did the soup cost?", "soup"),
        ("What is the mean unit price of Zanzibar?", "Zanzibar"),
        ("Which channel has the steepest mean unit price?", "steepest"),
        ("Which supplier delivered most?", "supplier"),
        ("Who is the tallest?", "tallest"),
        ("Which channel is the heaviest?", "heaviest"),
        ("What was the total revenue last year?", "last year"),
        ("What is the mean channel?", "mean"),
    ],
)
async def test_no_model_is_asked_about_what_the_table_lacks(
    model_server: ModelServer, question: str, word: str
) -> None:
    model_server.answers([])
    rehearsal = await asked(question)
    assert rehearsal.result.summary.startswith("Cannot tell")
    assert model_server.requests == ()
    assert rehearsal.result.metadata["way"] == "rules"
    assert f"'{word}'" in str(rehearsal.result.metadata["way_reason"])


async def test_no_model_is_asked_what_the_rules_can_tell(model_server: ModelServer) -> None:
    model_server.answers([])
    rehearsal = await asked("What is the total revenue?")
    assert rehearsal.result.summary.startswith("The total of `revenue` is 204,194.03")
    assert model_server.requests == ()
    assert rehearsal.result.metadata["way"] == "rules"


@pytest.fixture(scope="module")
def table() -> Iterator[tuple[TableSession, Any, Any]]:
    session, source = TableSession(), look_at(str(SALES))
    yield session, source, describe_columns(session, source)
    session.close()


def run(
    table: tuple[TableSession, Any, Any], sql: str, text: str = "Ratings by channel?"
) -> Queried:
    (question,) = understand_questions(*table, text).questions
    return run_query(*table, question, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE data",
        "DELETE FROM data",
        "SELECT channel FROM data; DROP TABLE data",
        "INSERT INTO data SELECT * FROM data",
        "CREATE TABLE x AS SELECT channel FROM data",
        "COPY data TO '/tmp/stolen.csv'",
        "COPY (SELECT channel FROM data) TO '/tmp/stolen.csv'",
        "ATTACH '/tmp/other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 8",
        "PRAGMA database_list",
        "CALL duckdb_settings()",
        "EXPORT DATABASE '/tmp/stolen'",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')",
        "SELECT * FROM glob('/**')",
        "SELECT * FROM data, read_text('/etc/passwd')",
        "SELECT channel FROM data WHERE channel IN (SELECT content FROM read_text('/etc/passwd'))",
        "SELECT * FROM query('DROP TABLE data')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM main.data",
        "SELECT * FROM session",
        "SELECT current_setting('temp_directory'), channel FROM data",
        "SELECT getvariable('x'), channel FROM data",
        "SELECT write_log('x'), channel FROM data",
        "SELECT sleep_ms(100000), channel FROM data",
        "SELECT random(), channel FROM data",
        "SELECT now(), channel FROM data",
        "SELECT 42",
        "SELECT 42 FROM data",
        "SELECT avg(rating) FROM (VALUES (4.2)) v(rating)",
        "WITH data AS (SELECT 42 AS rating) SELECT avg(rating) FROM data",
        "SELECT avg(rating) + 17 FROM data",
        "SELECT avg(rating) FROM data WHERE region = 'West'  AND channel = 'online'",
        "SELECT avg(rating) FROM data USING SAMPLE 3",
        "SELECT avg(rating) FROM data TABLESAMPLE 1%",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t, data",
        "SELECT list_transform([rating], lambda x: x) FROM data",
        "PIVOT data ON channel USING avg(rating)",
        "SHOW TABLES",
        "DESCRIBE data",
        "EXPLAIN SELECT channel FROM data",
        "",
        "SELECT " + "+".join(["rating"] * 4000) + " FROM data",
    ],
)
def test_a_hostile_query_is_not_run(table: tuple[TableSession, Any, Any], sql: str) -> None:
    queried = run(table, sql)
    assert queried.rows is None, queried
    assert queried.trouble
    session, source, _ = table
    assert session.table(source)[0].whole("SELECT count(*) FROM data") == 1119


def test_a_query_that_would_take_for_ever_is_stopped(
    table: tuple[TableSession, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure_analysis.model.asking.SECONDS", 0.3)
    everything = "SELECT sum(a.rating), max(a.rating) FROM data a, data b, data c, data d"
    queried = run(table, everything, "Total rating?")
    assert queried.rows is None
    assert "took longer than 0.3 s" in queried.trouble
    assert run(table, "SELECT channel, avg(rating) FROM data GROUP BY channel").rows is not None


def test_only_so_many_rows_are_taken(table: tuple[TableSession, Any, Any]) -> None:
    queried = run(table, "SELECT rating, channel FROM data")
    assert queried.rows is not None
    assert len(queried.rows.rows) == 200
    assert queried.rows.more


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("mean rating by channel?", "SELECT channel, max(rating) FROM data GROUP BY channel"),
        ("mean rating in 2024?", "SELECT avg(rating) FROM data"),
        ("mean rating in 2024?", "SELECT avg(rating) FROM data WHERE date >= DATE '2023-01-01'"),
        ("mean rating of 5 things?", "SELECT avg(rating) FROM data LIMIT 3"),
        ("mean rating of the Acme shop?", "SELECT avg(rating) FROM data"),
        ("mean rating of the Acme shop?", "SELECT avg(rating) FROM data WHERE channel = 'Acme'"),
        ("mean rating by channel?", "SELECT channel, count(*), avg(rating) FROM data GROUP BY 1"),
        ("mean rating by channel?", "SELECT region, avg(rating) FROM data GROUP BY 1"),
        ("mean rating by channel?", "SELECT channel, avg(rating), max(units) FROM data GROUP BY 1"),
        ("mean rating by month?", "SELECT avg(rating) FROM data"),
        ("total rating in West?", "SELECT max(rating) FROM data WHERE region = 'West'"),
        ("mean rating in West?", "SELECT avg(rating) FROM data WHERE region <> 'East'"),
        ("highest and lowest?", "SELECT max(rating), min(rating) FROM data"),
    ],
)
def test_a_query_about_something_else_is_not_run(
    table: tuple[TableSession, Any, Any], question: str, sql: str
) -> None:
    assert run(table, sql, question).rows is None


ROWS = Rows(
    sql="",
    columns=("region", "mean", "n"),
    rows=(("West", 1234.5678, 12), ("East", -3.5, 7), ("North", None, 2024)),
)


@pytest.mark.parametrize(
    "text",
    [
        "West has 1,234.57.",
        "West: 1234.6, East: -3.5.",
        "The mean is 1,235 for West over 12 rows.",
        "East has \u22123.5 and 7 rows.",
        "There are 3 regions.",
        "The top 5 is led by West.",
        "West leads.",
    ],
)
def test_numbers_of_the_rows_may_be_told(text: str) -> None:
    refuse_untraceable(text, [ROWS], "What of the 5 regions?")


@pytest.mark.parametrize(
    "text",
    [
        "West has 1,234.58.",
        "West has 1234.5679.",
        "West has 12.0001.",
        "The mean is 41.",
        "East has 1234.57.",
        "West has 7 rows.",
        "East has 3.6.",
        "West has 12 %, that is 99 of them.",
        "West has twelve hundred.",
        "",
        "x" * 2_000,
    ],
)
def test_any_other_number_may_not(text: str) -> None:
    with pytest.raises(AnswerRefused):
        refuse_untraceable(text, [ROWS], "What of the 5 regions?")


def script(request: ChatRequest) -> Reply:
    if any(message["role"] == "tool" for message in request.messages):
        return says("The shop is among them.")
    return calls(ToolCall("query", {"sql": QUERY}))


def test_the_wrong_end_is_refused() -> None:
    refuse_untraceable("West leads.", [ROWS], "Which region has the highest mean?")
    with pytest.raises(AnswerRefused, match="not first"):
        refuse_untraceable("East leads.", [ROWS], "Which region has the highest mean?")


class TestWithAModel(AgentContract):
    agent = "analysis"
    description = QUESTION
    parameters = {"path": str(SALES)}
    bad_parameters = ({"path": "/nowhere/sales.csv"},)
    model_script = staticmethod(script)
