"""Locating: from failing tests to the lines that are suspected."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from perdure.agents import Answer, Progress, Result, Run
from perdure_code.facts import Fact
from perdure_code.location.facts import Suspect
from perdure_code.location.report import (
    failing_section,
    method_of_location,
    suspect_sentence,
    suspects_section,
    trace_sentence,
)
from perdure_code.markdown import cell, counted, head
from perdure_code.models.answers.suspects import ModelSuspects
from perdure_code.models.conversation.round_progress import Share
from perdure_code.models.report.answers import write_suspects
from perdure_code.models.work import ModelWork
from perdure_code.parameters import CodeParameters
from perdure_code.tasks.delivery import deliver
from perdure_code.tasks.fault_search import FaultSearch

_BATCHES: Final = 2
_EDITS: Final = 200
_SECONDS: Final = 10.0
_DATA_SUSPECTS: Final = 20
_KNOWN: Final = 10
_MESSAGE: Final = 300
# What the model's work has of the progress.
_SHARE: Final = Share(90, 95)


class LocationReport(Fact):
    """What locating delivers.

    Attributes:
        repository: The folder's name.
        failing: The tests that fail, with what they say.
        passing: How many tests pass.
        suspects: The suspected lines, heaviest first.
        edits: How many small edits were tried for the ranking.
        notes: What limits it, one sentence each.
        model: The lines that a model suspects; ``None`` without any.
    """

    repository: str
    failing: dict[str, str]
    passing: int
    suspects: tuple[Suspect, ...]
    edits: int
    notes: tuple[str, ...] = ()
    model: ModelSuspects | None = None


class LocateTask:
    """Ranks the lines of a repository by how much they are suspected, in ``location.md``."""

    def __init__(self, run: Run, parameters: CodeParameters) -> None:
        self._run = run
        self._parameters = parameters
        self._faults = FaultSearch(run, parameters.test_settings)
        self._model: Answer[ModelSuspects | None] | None = None
        self._finished = False

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Run the tests traced, rank, try edits for the ranking, and write."""
        faults = self._faults
        yield Progress(percentage=0, message=f"looking at {self._parameters.path}")
        root = await faults.find(str(self._parameters.path))
        yield Progress(percentage=5, message="running its tests, their lines traced")
        traced = await faults.trace()
        if traced.failing:
            yield Progress(percentage=50, message=trace_sentence(traced).rstrip("."))
            await faults.rank()
            for number in range(_BATCHES if faults.search else 0):
                yield Progress(
                    percentage=60 + 15 * number, message="trying small edits of suspected lines"
                )
                outcomes = await faults.try_next(_SECONDS, _EDITS)
                if outcomes is None or outcomes.failure:
                    break
        if await self._run.has_model():
            yield Progress(percentage=90, message="having the model look for it")
        self._model = await self._with_model(root, description)
        yield Progress(percentage=95, message="writing about them")
        text = "\n".join(self._report(Path(root).name, description)).rstrip() + "\n"
        await deliver(self._run, "location", text, self._facts(Path(root).name))
        self._finished = True
        yield Progress(percentage=100, message=self._sentences()[-1].rstrip("."))

    async def get_results(self) -> Result:
        """Return the suspected lines, or as much of them as there is."""
        if self._faults.traced is None:
            return Result()
        summary = " ".join(self._sentences())
        if not self._finished:
            summary += " The search was not finished."
        suspects: list[JsonValue] = [
            one.model_dump(mode="json") for one in self._suspects[:_DATA_SUSPECTS]
        ]
        failing: list[JsonValue] = [record.id for record in self._faults.traced.failing]
        return Result(
            summary=summary,
            data={
                "suspects": suspects,
                "model_suspects": None
                if self._by_model is None
                else self._by_model.model_dump(mode="json"),
                "failing": failing,
                "passing": len(self._faults.traced.passing),
            },
        )

    @property
    def _by_model(self) -> ModelSuspects | None:
        return None if self._model is None else self._model.value

    async def _with_model(self, root: str, description: str) -> Answer[ModelSuspects | None]:
        """Have the model look too, which is told what fails and what the rules suspect."""
        traced = self._faults.traced
        failing = traced.failing[:_KNOWN] if traced else ()
        lines = [f"{one.id} fails: {one.error}: {one.message[:_MESSAGE]}" for one in failing]
        suspects = self._suspects[:_KNOWN]
        lines += [f"{one.path}:{one.line} is suspected: {one.text}" for one in suspects]
        work = ModelWork(self._run, root, self._parameters.test_settings, _SHARE)
        return await work.suspect(description, "\n".join(lines))

    @property
    def _suspects(self) -> tuple[Suspect, ...]:
        if self._faults.search is not None:
            return self._faults.search.ranked()
        return self._faults.location.suspects if self._faults.location else ()

    def _sentences(self) -> list[str]:
        traced = self._faults.traced
        assert traced is not None
        said = [trace_sentence(traced)]
        if self._faults.location is not None:
            said.append(suspect_sentence(self._suspects))
        return said

    def _facts(self, name: str) -> LocationReport:
        traced, search = self._faults.traced, self._faults.search
        assert traced is not None
        note = self._faults.location.note if self._faults.location else ""
        return LocationReport(
            repository=name,
            failing=traced.failures,
            passing=len(traced.passing),
            suspects=self._suspects,
            edits=search.counts.total() if search else 0,
            model=self._by_model,
            notes=tuple(one for one in (*traced.notes, traced.ended, note) if one),
        )

    def _report(self, name: str, description: str) -> Iterator[str]:
        faults = self._faults
        assert faults.traced is not None
        yield from head(f"Suspected lines of {cell(name)}", description, self._sentences())
        if faults.location is not None:
            yield from suspects_section(faults.location, self._suspects)
        if self._model is not None and self._model.value is not None:
            yield from write_suspects(self._model.value, self._model.model)
        yield from failing_section(faults.traced)
        yield "## How this was made"
        yield ""
        yield from method_of_location()
        if faults.search is not None:
            yield f"- {counted(faults.search.counts.total(), 'edit')} of them were tried."
        yield "- Everything ran on copies; the repository itself was not changed."
