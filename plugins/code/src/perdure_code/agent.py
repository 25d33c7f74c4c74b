"""The code agent; what does its work is imported when a goal begins."""

import asyncio
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from perdure.agents import Agent, Progress, Result, Run
from perdure_code.parameters import CodeParameters, TaskKind

if TYPE_CHECKING:
    from perdure_code.origins.opening import OpenedRepository
    from perdure_code.tasks.task import Task

_TASKS: Final = {
    TaskKind.REVIEW: ("perdure_code.tasks.review", "ReviewTask"),
    TaskKind.LOCATE: ("perdure_code.tasks.locate", "LocateTask"),
    TaskKind.FIX: ("perdure_code.tasks.fix", "FixTask"),
    TaskKind.EXPLAIN: ("perdure_code.tasks.explain", "ExplainTask"),
    TaskKind.TEST: ("perdure_code.tasks.testing", "TestTask"),
}


class CodeAgent(Agent[CodeParameters]):
    """Does one task with a repository."""

    def __init__(self, run: Run, parameters: CodeParameters) -> None:
        super().__init__(run, parameters)
        # Every command imports this module, and none of them needs what a task imports.
        module, name = _TASKS[parameters.task]
        self._make_task = getattr(import_module(module), name)
        self._task: Task | None = None
        self._opened: OpenedRepository | None = None

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Do the task, with a repository that is fetched first where it is no folder."""
        from perdure_code.repository.fetched_folders import remove_abandoned_folders

        await asyncio.to_thread(remove_abandoned_folders)
        parameters = self.parameters
        if _is_fetched(parameters):
            from perdure_code.origins.opening import OpenedRepository

            yield Progress(percentage=0, message=f"fetching {parameters.place}")
            self._opened = OpenedRepository(self.run, parameters)
            parameters = await self._opened.open()
        task: Task = self._make_task(self.run, parameters)
        self._task = task
        async for progress in task.execute_streaming(description):
            yield progress

    async def get_results(self) -> Result:
        """Return the task's result, or as much of it as there is."""
        return Result() if self._task is None else await self._task.get_results()

    async def cleanup(self) -> None:
        """Remove what was fetched."""
        if self._opened is not None:
            await self._opened.close()


def _is_fetched(parameters: CodeParameters) -> bool:
    """Whether a repository is something else than a folder with its files."""
    if parameters.path is None:
        return True
    path = Path(parameters.path).expanduser()
    try:
        return path.is_file() or (path / "objects").is_dir()
    except (OSError, ValueError, RuntimeError):
        return False
