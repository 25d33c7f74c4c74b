"""Fixing: from failing tests to a small edit with which they pass."""

from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from perdure.agents import Progress, Result, Run
from perdure_code.facts import Fact
from perdure_code.location.report import (
    failing_section,
    method_of_location,
    suspect_sentence,
    suspects_section,
    trace_sentence,
)
from perdure_code.markdown import cell, counted, head
from perdure_code.models.changes.fixing import ModelFix
from perdure_code.models.conversation.round_progress import Share
from perdure_code.models.report.changes import TESTS, fix_data, verdict_on_fix, write_fix
from perdure_code.models.work import ModelWork
from perdure_code.parameters import CodeParameters
from perdure_code.repair.attempts import demands_of
from perdure_code.repair.facts import Fix, Repair
from perdure_code.repair.plan import Plan, combined_plan, whole_plans
from perdure_code.repair.report import (
    PATCH,
    fix_section,
    method_of_repair,
    others_section,
    repair_sentence,
    tests_table,
)
from perdure_code.repair.search import Attempt, in_order
from perdure_code.repository.unified_diff import difference
from perdure_code.tasks.delivery import deliver
from perdure_code.tasks.fault_search import BATCH_SECONDS, FaultSearch
from perdure_code.test_runs.outcomes import Outcome, TestsResult
from perdure_code.test_runs.pytest_run import run_tests

_MORE_SECONDS: Final = 4.0
_VERIFIED: Final = 5
_SUBSETS: Final = 4
_DATA_SUSPECTS: Final = 20
_KNOWN: Final = 10
# What the model's work has of the progress, and the search, which begins earlier without a model.
_SHARE: Final = Share(18, 60)
_SEARCH_AFTER_MODEL: Final = Share(60, 80)
_SEARCH_ALONE: Final = Share(20, 80)


class FixReport(Fact):
    """What fixing delivers.

    Attributes:
        repository: The folder's name.
        failing: The tests that fail, with what they say.
        repair: The search, its fix among it.
        others: Further plausible fixes that were not verified with all tests.
        patch: The fix as a unified diff; empty when there is none.
        tests: How the tests went with the fix; ``None`` when there is none.
        model: The fix that a model made; ``None`` where it is not the model's.
    """

    repository: str
    failing: dict[str, str]
    repair: Repair
    others: tuple[Fix, ...]
    patch: str
    tests: TestsResult | None
    model: ModelFix | None = None


class FixTask:
    """Makes failing tests pass, and delivers ``fix.patch``.

    A model repairs, where there is one; else, or where its fix does not stand the tests, a small
    edit is searched.
    """

    def __init__(self, run: Run, parameters: CodeParameters) -> None:
        self._run = run
        self._parameters = parameters
        self._faults = FaultSearch(run, parameters.test_settings)
        self._by_model: ModelFix | None = None
        self._model = ""
        self._plan: Plan | None = None
        self._after: TestsResult | None = None
        self._ended = "it was not finished"
        self._finished = False

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Run the tests traced, rank lines, try edits, verify the best, and write."""
        faults = self._faults
        yield Progress(percentage=0, message=f"looking at {self._parameters.path}")
        root = await faults.find(str(self._parameters.path))
        yield Progress(percentage=3, message="running its tests, their lines traced")
        traced = await faults.trace()
        if traced.failing:
            yield Progress(percentage=15, message=trace_sentence(traced).rstrip("."))
            await faults.rank()
        if await self._run.has_model():
            yield Progress(percentage=_SHARE.begin, message="having the model repair it")
        set_aside = await self._repair_with_model(root, description)
        if self._by_model is None and traced.failing:
            async for progress in self._search():
                yield progress
            yield Progress(percentage=85, message="running all tests with what was found")
            await self._verify(root)
            if self._plan is None:
                self._by_model = set_aside
        elif self._by_model is None:
            self._ended = "no test fails"
        yield Progress(percentage=97, message="writing about it")
        name = Path(root).name
        patch = self._patch()
        if patch:
            await self._run.artifact(PATCH, patch, media_type="text/x-diff")
        if self._by_model is not None and self._by_model.tests_patch:
            tests_patch = self._by_model.tests_patch
            await self._run.artifact(TESTS, tests_patch, media_type="text/x-diff")
        text = "\n".join(self._report(name, description)).rstrip() + "\n"
        await deliver(self._run, "fix", text, self._facts(name))
        self._finished = True
        yield Progress(percentage=100, message=self._sentences()[-1].rstrip("."))

    async def get_results(self) -> Result:
        """Return the fix, or as much as is known of the fault."""
        if self._faults.traced is None:
            return Result()
        summary = " ".join(self._sentences())
        if not self._finished:
            summary += " The search was not finished."
        facts = self._facts(Path(self._faults.root).name).model_dump(mode="json")
        suspects: list[JsonValue] = facts["repair"]["suspects"][:_DATA_SUSPECTS]
        data: dict[str, JsonValue] = {
            "fixes": facts["repair"]["fixes"],
            "others": facts["others"][:_DATA_SUSPECTS],
            "patch": facts["patch"],
            "fix": None if self._by_model is None else fix_data(self._by_model),
            "suspects": suspects,
            "failing": list(facts["failing"]),
            "tried": facts["repair"]["tried"],
            "outcomes": facts["repair"]["outcomes"],
        }
        return Result(summary=summary, data=data)

    async def _repair_with_model(self, root: str, description: str) -> ModelFix | None:
        """Have the model repair it; return a fix of it that is not plausible.

        The model is told what the rules suspect.
        """
        location = self._faults.location
        suspects = location.suspects[:_KNOWN] if location else ()
        lines = [f"{one.path}:{one.line}: {one.text}" for one in suspects]
        known = "\n".join(["Lines that rules suspect:", *lines]) if lines else ""
        work = ModelWork(self._run, root, self._parameters.test_settings, _SHARE)
        answer = await work.fix(description, known)
        self._by_model, self._model = answer.value, answer.model
        return work.set_aside

    async def _search(self) -> AsyncIterator[Progress]:
        """Try edits until some are plausible, and for one more batch, or until the time is up."""
        faults, budget = self._faults, self._parameters.search_seconds
        if faults.search is None:
            self._ended = "the failing tests execute no line that is understood"
            return
        share = _SEARCH_AFTER_MODEL if await self._run.has_model() else _SEARCH_ALONE
        last = False
        while True:
            left = budget - faults.seconds
            if left <= 0:
                self._ended = (
                    f"the {budget:g} s for it were up: raise the parameter 'search_seconds'"
                )
                break
            if last:
                self._ended = "plausible edits were found"
                break
            # One more batch, in which a better one may be.
            last = bool(faults.search.plausible) or (faults.several and faults.search.covered)
            tried = faults.search.counts.total()
            yield Progress(
                percentage=share.at(faults.seconds / budget),
                message=f"tried {counted(tried, 'edit')} of {faults.search.candidates:,},"
                f" {len(faults.search.plausible)} of them plausible",
            )
            outcomes = await faults.try_next(min(_MORE_SECONDS if last else BATCH_SECONDS, left))
            if outcomes is None:
                self._ended = "there was no further edit to try"
                break
            if outcomes.failure:
                self._ended = outcomes.failure
                break

    async def _verify(self, root: str) -> None:
        """Run all tests with the best plans, until one of them holds."""
        search = self._faults.search
        if search is None:
            return
        plans = whole_plans(search)
        if not plans:
            combined = combined_plan(await self._parts())
            plans = [combined] if combined else []
        for plan in plans[:_VERIFIED]:
            texts = {
                path: content.decode()
                for path, content in search.new_content(plan.attempts).items()
            }
            after = await self._run.step(
                "verify", self._run_with, root, texts, self._tests_that_end(plan)
            )
            if self._holds(plan, after):
                self._plan, self._after = plan, after
                return
        if plans:
            self._ended = "what the failing tests liked fails when all tests are run"

    async def _parts(self) -> list[tuple[tuple[str, ...], Attempt]]:
        """Return the best edit for each part of the failing tests that one makes pass."""
        search, traced = self._faults.search, self._faults.traced
        assert search is not None
        assert traced is not None
        found: list[tuple[tuple[str, ...], Attempt]] = []
        for places, attempts in search.subsets(_SUBSETS):
            tests = tuple(search.targets[place] for place in places)
            ordered = in_order(attempts)
            paths = sorted({attempt.suspect.path for attempt in ordered})
            demands = demands_of(traced, paths, tests)
            outcomes = await self._faults.try_these(ordered, demands, BATCH_SECONDS)
            good = [
                attempt
                for attempt, letter in zip(ordered, outcomes.letters, strict=True)
                if letter == "p"
            ]
            if good:
                found.append((tests, good[0]))
        return found

    async def _run_with(
        self, root: str, texts: dict[str, str], tests: tuple[str, ...]
    ) -> TestsResult:
        return await run_tests(
            self._run,
            Path(root),
            self._parameters.test_settings,
            tests=tests,
            prepare=partial(_write, texts),
        )

    def _tests_that_end(self, plan: Plan) -> tuple[str, ...]:
        """Return the tests to verify a plan by: none stands for all, which must then end."""
        traced = self._faults.traced
        assert traced is not None
        endless = {record.id for record in traced.failing if record.outcome == "stopped"}
        if endless <= plan.passing:
            return ()
        failing = {record.id for record in traced.failing}
        return (*traced.passing, *sorted((failing - endless) | plan.passing))

    def _holds(self, plan: Plan, after: TestsResult) -> bool:
        """Whether the tests that the plan is for pass, and none fails that passed before."""
        traced = self._faults.traced
        assert traced is not None
        if after.outcome not in {Outcome.PASSED, Outcome.FAILED}:
            return False
        failures = {case.id for case in after.failures}
        return not failures & (plan.passing | traced.passing.keys())

    def _patch(self) -> str:
        if self._by_model is not None:
            return self._by_model.patch
        search = self._faults.search
        if self._plan is None or search is None:
            return ""
        changed = search.new_content(self._plan.attempts)
        return "".join(
            difference(path, search.sources[path].content.decode(), content.decode()).text
            for path, content in changed.items()
        )

    def _repair(self) -> Repair:
        faults = self._faults
        search = faults.search
        fixes: tuple[Fix, ...] = ()
        if search is not None and self._plan is not None:
            pairs = zip(self._plan.attempts, self._plan.targets, strict=True)
            fixes = tuple(search.fix(attempt, targets) for attempt, targets in pairs)
        traced = faults.traced
        assert traced is not None
        return Repair(
            fixes=fixes,
            targets=search.targets if search else tuple(one.id for one in traced.failing),
            tried=search.counts.total() if search else 0,
            outcomes=dict(sorted(search.counts.items())) if search else {},
            candidates=search.candidates if search else 0,
            seconds=round(faults.seconds, 1),
            ended=self._ended,
            suspects=search.ranked() if search else (),
        )

    def _others(self) -> tuple[Fix, ...]:
        search = self._faults.search
        if search is None:
            return ()
        chosen = self._plan.attempts if self._plan else ()
        others = [one for one in in_order(search.plausible) if one not in chosen]
        return tuple(search.fix(attempt, search.targets) for attempt in others)

    def _facts(self, name: str) -> FixReport:
        traced = self._faults.traced
        assert traced is not None
        return FixReport(
            repository=name,
            failing=traced.failures,
            repair=self._repair(),
            others=self._others(),
            patch=self._patch(),
            tests=self._after if self._by_model is None else self._by_model.after,
            model=self._by_model,
        )

    def _sentences(self) -> list[str]:
        traced = self._faults.traced
        assert traced is not None
        said = [trace_sentence(traced)]
        if self._by_model is not None:
            return [*said, verdict_on_fix(self._by_model, self._model)]
        if traced.failing:
            repair = self._repair()
            if not repair.fixes and repair.suspects:
                said.append(suspect_sentence(repair.suspects))
            said.append(repair_sentence(repair))
        return said

    def _report(self, name: str, description: str) -> Iterator[str]:
        faults = self._faults
        assert faults.traced is not None
        repair = self._repair()
        yield from head(f"A fix for {cell(name)}", description, self._sentences())
        if self._by_model is not None:
            yield from write_fix(self._by_model, self._model)
        elif faults.traced.failing:
            yield from fix_section(repair)
            yield from tests_table(faults.traced, self._after)
            yield from others_section(self._others())
        if faults.location is not None:
            yield from suspects_section(faults.location, repair.suspects)
        yield from failing_section(faults.traced)
        yield "## How this was made"
        yield ""
        yield from method_of_location()
        if self._by_model is None:
            yield from method_of_repair(repair)
        yield "- Everything ran on copies; the repository itself was not changed."


def _write(texts: Mapping[str, str], copy: Path) -> None:
    """Write changed files into a copy of the repository."""
    for path, text in texts.items():
        (copy / path).write_bytes(text.encode())
