"""A team at work: it checks its goals, delegates them as they get ready, and keeps what came."""

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pydantic import JsonValue

from perdure.agents import (
    InputError,
    ParametersRefused,
    PlannedGoal,
    Result,
    Run,
    StepFailed,
)
from perdure_teams.files import TeamFiles
from perdure_teams.goals import Node
from perdure_teams.references import has_references, resolved

_KEPT_BYTES: Final = 50_000_000


class Team:
    """The goals that one run has others do, and their results.

    ::

        async with Team(run, "Summarise the sales", files) as team:
            await team.check(nodes)
            await team.plan(nodes)
            await team.run_all(nodes)

    Attributes:
        results: What the goals that are done delivered, by name.
        failures: Why the others failed, by name.
        files: The files that goals may name.
    """

    def __init__(self, run: Run, goal: str, files: Sequence[Path] = (), expected: int = 0) -> None:
        """Bind it to a run.

        Args:
            run: The run.
            goal: What the team is asked.
            files: The files that its goals may read.
            expected: How many goals there will be, if that is known before they are.
        """
        self._run = run
        self._goal = goal
        self.files = TeamFiles(files)
        self.results: dict[str, Result] = {}
        self.failures: dict[str, str] = {}
        self._errors: dict[str, Exception] = {}
        self._agents: dict[str, str] = {}
        # By what is asked of whom: the same once more is answered from the first.
        self._asked: dict[str, tuple[str, asyncio.Task[Result]]] = {}
        self._expected = expected
        self._planned = 0
        self._percentage = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tasks = [task for _, task in self._asked.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.exception()  # whoever asked has had it

    async def check(self, nodes: Sequence[Node]) -> None:
        """Check that each goal's agent is there and takes its parameters, before anything runs.

        Raises:
            StepFailed: One is not, or does not; permanent.
        """
        await self._run.step("check the goals", self._check, [_plain(node) for node in nodes])

    async def plan(self, nodes: Sequence[Node]) -> None:
        """Have the goal's page draw goals that are to be done."""
        self._planned += len(nodes)
        await self._run.plan(
            [
                PlannedGoal(
                    name=node.name,
                    agent_type=node.agent,
                    description=node.description or self._goal,
                    after=node.after,
                )
                for node in nodes
            ]
        )

    async def run_all(self, nodes: Sequence[Node]) -> None:
        """Do goals, each once those are done that it waits for; what fails is in :attr:`failures`.

        Args:
            nodes: The goals, each behind those that it waits for.
        """
        tasks: dict[str, asyncio.Task[None]] = {}
        for node in nodes:
            before = [tasks[name] for name in node.after if name in tasks]
            tasks[node.name] = asyncio.create_task(self._do_after(node, before))
        try:
            await asyncio.gather(*tasks.values())
        finally:
            for task in tasks.values():
                task.cancel()

    async def do(self, node: Node) -> Result:
        """Do one goal and return its result.

        Raises:
            StepFailed: It failed, or its agent does not take its parameters.
            InputError: A reference of it names nothing.
        """
        description = self._description(node)
        parameters = resolved(dict(node.parameters), self._goal, self.results)
        assert isinstance(parameters, dict)

        async def check(agent: str, parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
            return await self._run.check_delegate(
                agent, parameters, lambda path: self.files.check(path, self.results)
            )

        fit = await self._run.step(f"check {node.name}", check, node.agent, parameters)
        asked = json.dumps([node.agent, description, fit], sort_keys=True)
        if asked in self._asked:
            first, task = self._asked[asked]
            await self._run.plan([self._same(node, first)])
        else:
            task = asyncio.create_task(
                self._run.delegate(node.agent, description, fit, name=node.name, after=node.after)
            )
            self._asked[asked] = node.name, task
        result = await asyncio.shield(task)
        self._agents[node.name] = node.agent
        self.results[node.name] = result
        await self._tell(node.name)
        return result

    async def keep_files(self, name: str) -> list[str]:
        """Make a goal's files the team's own; return the names of those that are too large."""
        left, size = [], 0
        for artifact in self.results[name].artifacts:
            size += artifact.size
            if size > _KEPT_BYTES:
                left.append(artifact.name)
                continue
            content = await self._run.read_artifact(artifact)
            await self._run.artifact(artifact.name, content, media_type=artifact.media_type)
        return left

    def failed(self, names: Sequence[str]) -> ExceptionGroup[Exception] | None:
        """Return why goals failed, for an error to be raised from: a retry does them again.

        Args:
            names: The goals, of which some may have failed.
        """
        errors = [
            self._errors[name] for name in names if name in self.failures and name in self._errors
        ]
        return ExceptionGroup("goals of the team failed", errors) if errors else None

    def told(self) -> list[JsonValue]:
        """Return what became of each goal, for the result's data."""
        done: list[JsonValue] = [
            {"name": name, "agent": self._agents[name], "summary": result.summary}
            for name, result in sorted(self.results.items())
        ]
        failed: list[JsonValue] = [
            {"name": name, "failure": why} for name, why in sorted(self.failures.items())
        ]
        return [*done, *failed]

    async def _do_after(self, node: Node, before: Sequence[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        missing = [name for name in node.after if name in self.failures]
        if missing:
            self.failures[node.name] = f"it was not begun, as {missing[0]!r} failed"
            return
        try:
            await self.do(node)
        except (StepFailed, InputError) as error:
            self.failures[node.name] = str(error)
            self._errors[node.name] = error

    def _description(self, node: Node) -> str:
        found = resolved(node.description or "${goal}", self._goal, self.results)
        return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)

    def _same(self, node: Node, first: str) -> PlannedGoal:
        return PlannedGoal(
            name=node.name,
            agent_type=node.agent,
            description=node.description or self._goal,
            after=node.after,
            same_as=first,
        )

    async def _tell(self, name: str) -> None:
        done, planned = len(self.results), max(self._planned, len(self.results))
        share = done / max(planned, self._expected)
        self._percentage = max(self._percentage, 90 * share)
        await self._run.progress(self._percentage, f"{name} is done, {done} of {planned}")

    async def _check(self, nodes: list[dict[str, JsonValue]]) -> None:
        for node in nodes:
            agent, parameters = node["agent"], node["parameters"]
            assert isinstance(agent, str)
            assert isinstance(parameters, dict)
            later = {name for name, value in parameters.items() if has_references(value)}
            refused_paths: list[str] = []
            try:
                check_path = partial(self._checked_path, refused_paths)
                await self._run.check_delegate(agent, parameters, check_path)
            except ParametersRefused as refused:
                problems = [
                    f"{one.name}: {one.message}"
                    for one in refused.problems
                    if one.name.partition(".")[0] not in later or one.message in refused_paths
                ]
                if problems:
                    raise InputError(
                        f"goal {node['name']!r}: agent {agent!r} cannot take these parameters"
                        f" ({'; '.join(problems)}): perdure agents {agent} lists what it takes"
                    ) from refused

    def _checked_path(self, refused: list[str], path: str) -> str:
        try:
            return self.files.check(path)
        except InputError as error:
            refused.append(str(error))
            raise


def _plain(node: Node) -> dict[str, JsonValue]:
    return {"name": node.name, "agent": node.agent, "parameters": dict(node.parameters)}
