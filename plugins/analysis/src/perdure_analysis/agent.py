"""The analysis agent: from a file to a report with pictures."""

from collections.abc import AsyncIterator
from functools import partial

from pydantic import JsonValue

from perdure.agents import Agent, Progress, Result, Run
from perdure_analysis.chart_choice import Picture, choose_pictures
from perdure_analysis.columns import describe_columns
from perdure_analysis.facts import Columns, Loaded, Profile, Relations, Source, Trends
from perdure_analysis.findings import find, summarise
from perdure_analysis.parameters import AnalysisParameters
from perdure_analysis.relations import relate
from perdure_analysis.report import write_report
from perdure_analysis.source import look_at
from perdure_analysis.table_session import TableSession
from perdure_analysis.trend import follow

_DATA_CORRELATIONS = 6
_DATA_COLUMNS = 200


class AnalysisAgent(Agent[AnalysisParameters]):
    """Profiles a table and delivers ``report.md``, pictures under ``charts/``, ``profile.json``."""

    def __init__(self, run: Run, parameters: AnalysisParameters) -> None:
        super().__init__(run, parameters)
        self._session = TableSession()
        self._loaded: Loaded | None = None
        self._profile: Profile | None = None
        self._delivered = False

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Recognise the file, read it, look at it from every side, draw, and write."""
        session, step = self._session, self.run.step
        yield Progress(percentage=0, message=f"looking at {self.parameters.path}")
        source = await step("recognise", look_at, self.parameters.path, self.parameters.table)
        yield Progress(percentage=5, message=f"reading {source.name}")
        self._loaded = loaded = await step("read", partial(read, session), source)
        told = f"describing {len(loaded.columns)} columns of {loaded.rows:,} rows"
        yield Progress(percentage=20, message=told)
        columns = await step("describe columns", partial(describe_columns, session), source)
        yield Progress(percentage=40, message="comparing columns")
        relations = await step("compare", partial(relate, session), source, columns, description)
        yield Progress(percentage=55, message="following them over time")
        trends = await step(
            "follow", partial(follow, session), source, columns, relations.measure, description
        )
        self._profile = profile = _gather(source, loaded, columns, relations, trends)
        pictures = choose_pictures(loaded, columns, relations, trends)
        for number, picture in enumerate(pictures):
            yield Progress(
                percentage=round(65 + 30 * number / len(pictures), 1),
                message=f"drawing {picture.title}",
            )
            await self.run.artifact(picture.name, await step("draw", draw, picture))
        yield Progress(percentage=95, message="writing the report")
        await self.run.artifact("profile.json", profile.model_dump_json(indent=2) + "\n")
        await self.run.artifact("report.md", write_report(profile, pictures, description))
        self._delivered = True
        yield Progress(percentage=100, message=f"profiled {source.name}")

    async def get_results(self) -> Result:
        """Return the profile's core, or as much of it as there is."""
        profile = self._profile
        if profile is None:
            if self._loaded is None:
                return Result()
            rows = self._loaded.rows
            return Result(summary=f"Read {rows:,} rows; not profiled.", data={"rows": rows})
        summary = summarise(profile.loaded, profile.columns, profile.relations, profile.trends)
        if not self._delivered:
            summary = f"{summary} The report was not finished."
        return Result(summary=summary, data=_core(profile))

    async def cleanup(self) -> None:
        """Stop a query under way and remove the database."""
        self._session.close()


def read(session: TableSession, source: Source) -> Loaded:
    """Read the file into the table session, and say how.

    Raises:
        InputError: The file cannot be read as a table.
    """
    return session.table(source)[1]


def draw(picture: Picture) -> bytes:
    """Draw a picture as SVG."""
    from perdure_analysis import charts

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
