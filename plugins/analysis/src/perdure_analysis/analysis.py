"""The work of the analysis agent: from a file to a report with pictures."""

from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from pydantic import JsonValue

from perdure.agents import Agent, Progress, Result, Run
from perdure_analysis.answers.answer import Answer
from perdure_analysis.answers.answering import (
    answer_data,
    answer_metadata,
    answer_question,
    understand_questions,
)
from perdure_analysis.answers.sql import MOST_ROWS
from perdure_analysis.facts import Columns, Loaded, Profile, Relations, Source, Trends
from perdure_analysis.formatting import listed
from perdure_analysis.loading.source import look_at_all
from perdure_analysis.model.asking import Queried, ask_model, run_query
from perdure_analysis.parameters import AnalysisParameters
from perdure_analysis.profile.chart_choice import Picture, choose_pictures
from perdure_analysis.profile.columns import describe_columns
from perdure_analysis.profile.findings import find, summarise
from perdure_analysis.profile.relations import relate
from perdure_analysis.profile.trend import follow
from perdure_analysis.questions.queries import Question
from perdure_analysis.report.answers import answer_pictures
from perdure_analysis.report.markdown import write_report
from perdure_analysis.report.page import write_page
from perdure_analysis.table_session import TableSession

if TYPE_CHECKING:
    from pydantic_ai.models import Model

_DATA_CORRELATIONS = 6
_DATA_COLUMNS = 200
_TABLE_BYTES = 2_000_000


class Analysis(Agent[AnalysisParameters]):
    """Profiles a table, answers the questions in the goal's words, and delivers a report.

    It is delivered as ``report.md`` with pictures under ``charts/``, as the one file
    ``report.html``, and as ``profile.json``; the rows of answers are under ``tables/``.
    """

    def __init__(self, run: Run, parameters: AnalysisParameters) -> None:
        super().__init__(run, parameters)
        self._session = TableSession()
        self._loaded: Loaded | None = None
        self._profile: Profile | None = None
        self._answers: list[Answer] = []
        self._delivered = False

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Recognise the file, read it, look at it from every side, draw, and write."""
        session, step = self._session, self.run.step
        files = [str(file) for file in self.parameters.files]
        yield Progress(percentage=0, message=f"looking at {listed(files)}")
        source = await step(
            "recognise", look_at_all, files, self.parameters.table, self.parameters.keys
        )
        yield Progress(percentage=5, message=f"reading {source.name}")
        self._loaded = loaded = await step("read", partial(read, session), source)
        told = f"describing {len(loaded.columns)} columns of {loaded.rows:,} rows"
        yield Progress(percentage=20, message=told)
        columns = await step("describe columns", partial(describe_columns, session), source)
        questions = await step(
            "find questions", partial(understand_questions, session), source, columns, description
        )
        for question in questions.questions:
            yield Progress(percentage=35, message=f"answering {question.text}")
            answer = await self._answer(source, columns, question)
            for number, reading in enumerate(answer.readings, start=1):
                name = f"tables/answer-{len(self._answers) + 1}-{number}.parquet"
                table = await step(
                    "write table", partial(write_table, session), source, reading.result.sql
                )
                await self.run.artifact(name, table)
            self._answers.append(answer)
        yield Progress(percentage=40, message="comparing columns")
        relations = await step("compare", partial(relate, session), source, columns, description)
        yield Progress(percentage=55, message="following them over time")
        trends = await step(
            "follow", partial(follow, session), source, columns, relations.measure, description
        )
        self._profile = profile = _gather(source, loaded, columns, relations, trends)
        pictures = answer_pictures(self._answers)
        pictures += choose_pictures(loaded, columns, relations, trends)
        drawn: dict[str, bytes] = {}
        for number, picture in enumerate(pictures):
            yield Progress(
                percentage=round(65 + 30 * number / len(pictures), 1),
                message=f"drawing {picture.title}",
            )
            drawn[picture.name] = await step("draw", draw, picture)
            await self.run.artifact(picture.name, drawn[picture.name])
        yield Progress(percentage=95, message="writing the report")
        await self.run.artifact("profile.json", profile.model_dump_json(indent=2) + "\n")
        report = write_report(profile, pictures, description, self._answers)
        await self.run.artifact("report.md", report)
        await self.run.artifact("report.html", write_page(report, drawn))
        self._delivered = True
        yield Progress(percentage=100, message=f"profiled {source.name}")

    async def get_results(self) -> Result:
        """Return the profile's core, or as much of it as there is."""
        profile = self._profile
        if profile is None:
            if self._loaded is None:
                return Result()
            rows = self._loaded.rows
            return Result(
                summary=self._with_answers(f"Read {rows:,} rows; not profiled."),
                data={"rows": rows, "answers": answer_data(self._answers)},
                metadata=self._metadata(),
            )
        summary = summarise(profile.loaded, profile.columns, profile.relations, profile.trends)
        if all(answer.status != "refused" for answer in self._answers) and self._answers:
            summary = ""
        summary = self._with_answers(summary)
        if not self._delivered:
            summary = f"{summary} The report was not finished."
        data = {"answers": answer_data(self._answers)} if self._answers else {}
        return Result(
            summary=summary,
            data=data | _core(profile),
            metadata=self._metadata(),
        )

    async def _answer(self, source: Source, columns: Columns, question: Question) -> Answer:
        """Answer by the rules; with the model, if there is one, where only the form is beyond them.

        No query answers a question of which the table lacks a word: the rules say so.
        """
        session, step = self._session, self.run.step

        async def by_rules(_: str = "") -> Answer:
            return await step(
                "answer", partial(answer_question, session), source, columns, question
            )

        if question.readings or question.meanings.without:
            return await by_rules()

        async def query(sql: str) -> Queried:
            return await step("query", partial(run_query, session), source, columns, question, sql)

        async def with_model(model: "Model", _: str) -> Answer:
            return await ask_model(model, query, columns, question)

        return (await self.run.try_model("ask", with_model, by_rules, question.text)).value

    def _metadata(self) -> dict[str, JsonValue]:
        """Return which way the questions were answered; the run says it where it has a model."""
        own, way = answer_metadata(self._answers), self.run.ways_metadata()
        if {own.get("way"), way.get("way")} == {"rules", "model"}:
            way["way"] = "both"
        return own | way

    def _with_answers(self, summary: str) -> str:
        return " ".join([*(answer.sentence for answer in self._answers), summary]).strip()

    async def cleanup(self) -> None:
        """Stop a query under way and remove the database."""
        self._session.close()


def read(session: TableSession, source: Source) -> Loaded:
    """Read the file into the table session, and say how.

    Raises:
        InputError: The file cannot be read as a table.
    """
    return session.table(source)[1]


def write_table(session: TableSession, source: Source, sql: str) -> bytes:
    """Return the rows of an answer's query, ten thousand at most, as a Parquet file."""
    return session.table(source)[0].parquet(sql, most=MOST_ROWS, largest=_TABLE_BYTES)


def draw(picture: Picture) -> bytes:
    """Draw a picture as SVG."""
    from perdure_analysis.profile import charts

    return charts.draw(picture)


def _gather(
    source: Source, loaded: Loaded, columns: Columns, relations: Relations, trends: Trends
) -> Profile:
    return Profile(
        source=source,
        loaded=loaded,
        columns=columns,
        relations=relations,
        trends=trends,
        findings=find(loaded, columns, relations, trends),
    )


def _core(profile: Profile) -> dict[str, JsonValue]:
    """Return what a program that goes on from here needs; ``profile.json`` has the rest."""
    measure, trends = profile.relations.measure, profile.trends.trends
    core: dict[str, JsonValue] = {
        "file": profile.source.path,
        "format": profile.source.format,
        "table": profile.source.table,
        "rows": profile.loaded.rows,
        "left_out": profile.loaded.left_out,
        "files": [part.model_dump(mode="json") for part in profile.loaded.parts],
        "keys": [key.model_dump(mode="json") for key in profile.loaded.keys],
        "duplicates": profile.relations.duplicates,
        "findings": list(profile.findings),
        "measure": None if measure is None else measure.model_dump(mode="json"),
        "columns": [
            column.model_dump(mode="json", exclude={"top": True, "numbers": {"bins"}})
            for column in profile.columns.columns[:_DATA_COLUMNS]
        ],
        "correlations": [
            correlation.model_dump(mode="json")
            for correlation in profile.relations.correlations[:_DATA_CORRELATIONS]
        ],
        "breakdowns": [
            breakdown.model_dump(mode="json") for breakdown in profile.relations.breakdowns
        ],
        "trend": None if not trends else trends[0].model_dump(mode="json", exclude={"points"}),
    }
    return core
