"""The explanation: what a repository consists of, and what the goal asks about."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from perdure.agents import Answer, Progress, Result, Run
from perdure_code.explanation.facts import Overview
from perdure_code.explanation.overview import overview
from perdure_code.explanation.report import summarise_overview, write_overview
from perdure_code.facts import Fact
from perdure_code.markdown import cell, counted
from perdure_code.models.answers.explanation import Explanation
from perdure_code.models.conversation.round_progress import Share
from perdure_code.models.report.answers import summarise_explanation, write_explanation
from perdure_code.models.work import ModelWork
from perdure_code.parameters import CodeParameters
from perdure_code.repository.working_copy import resolve
from perdure_code.syntax.mapping import map_repository
from perdure_code.tasks.delivery import deliver

# What the model's work has of the progress.
_SHARE: Final = Share(45, 95)


class ExplanationReport(Fact):
    """What explaining delivers.

    Attributes:
        repository: The folder's name.
        overview: What rules say of it.
        explanation: What a model says of it; ``None`` without any.
    """

    repository: str
    overview: Overview
    explanation: Explanation | None


class ExplainTask:
    """Explains a repository and delivers ``explanation.md``."""

    def __init__(self, run: Run, parameters: CodeParameters) -> None:
        self._run = run
        self._parameters = parameters
        self._name = ""
        self._overview: Overview | None = None
        self._explained: Answer[Explanation | None] | None = None

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Map the repository, choose what the goal names, have a model explain, and write."""
        step = self._run.step
        yield Progress(percentage=0, message=f"looking at {self._parameters.path}")
        root = await step("find", find_repository, str(self._parameters.path))
        self._name = Path(root).name
        yield Progress(percentage=5, message=f"mapping {self._name}")
        mapped = await step("map", map_repository, root)
        yield Progress(percentage=35, message="looking for what the goal names")
        choose = partial(overview, Path(root), mapped)
        self._overview = found = await step("choose", choose, description)
        yield Progress(percentage=45, message=f"explaining {counted(found.files, 'file')}")
        work = ModelWork(self._run, root, self._parameters.test_settings, _SHARE)
        known = "\n".join(write_overview(found))
        self._explained = explained = await work.explain(description, known)
        yield Progress(percentage=95, message="writing the explanation")
        text = "\n".join(self._report(found, explained, description)).rstrip() + "\n"
        facts = ExplanationReport(
            repository=self._name, overview=found, explanation=explained.value
        )
        await deliver(self._run, "explanation", text, facts)
        yield Progress(percentage=100, message=f"explained {self._name}")

    async def get_results(self) -> Result:
        """Return the explanation, or as much of it as there is."""
        if self._overview is None:
            return Result()
        data: dict[str, JsonValue] = {
            "overview": self._overview.model_dump(mode="json"),
            "explanation": None,
        }
        summary = summarise_overview(self._overview, self._name)
        if self._explained is None:
            return Result(summary=f"{summary} The explanation was not finished.", data=data)
        if (explanation := self._explained.value) is not None:
            summary = summarise_explanation(explanation)
            data["explanation"] = explanation.model_dump(mode="json")
        return Result(summary=summary, data=data)

    def _report(
        self, found: Overview, explained: Answer[Explanation | None], description: str
    ) -> Iterator[str]:
        yield from (f"# {cell(self._name)} explained", "", f"> {cell(description)}", "")
        yield from (cell(summarise_overview(found, self._name)), "")
        if explained.value is not None:
            yield from write_explanation(explained.value, explained.model)
        yield from write_overview(found)
        if explained.value is None:
            yield from ("## How this was made", "")
            yield f"By rules, from names and docstrings: {cell(explained.reason)}."


def find_repository(path: str) -> str:
    """Return a repository's folder, absolute.

    Raises:
        InputError: There is none, or it cannot be read.
    """
    return str(resolve(path))
