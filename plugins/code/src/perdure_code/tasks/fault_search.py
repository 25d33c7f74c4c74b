"""What locating and fixing a fault have in common: the steps from the tests to tried edits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from perdure.agents import Run
from perdure_code.facts import Fact
from perdure_code.location.facts import Location
from perdure_code.location.ranking import rank
from perdure_code.location.source import Source
from perdure_code.location.spectrum import add_up
from perdure_code.location.tracing import Traced, trace_tests
from perdure_code.repair.attempts import Demands, demands_of, reached_by, try_edits
from perdure_code.repair.facts import Outcomes
from perdure_code.repair.search import Attempt, Search, as_candidates
from perdure_code.repository.working_copy import is_test, resolve
from perdure_code.syntax.languages import PYTHON
from perdure_code.syntax.parsing import parse_file
from perdure_code.test_runs.settings import TestSettings
from perdure_code.trials.records import Candidate

_SOURCES: Final = 60
_LARGEST: Final = 400_000
BATCH: Final = 600
BATCH_SECONDS: Final = 10.0


class Sources(Fact):
    """The files in which the fault may be.

    Attributes:
        texts: By path.
        unread: Files that were left out: too large, no UTF-8, or no Python that is understood.
    """

    texts: dict[str, str]
    unread: tuple[str, ...] = ()


class FaultSearch:
    """The search for the fault of a repository whose tests fail.

    Attributes:
        root: The repository's folder; empty until it is found.
        traced: What the tests execute; ``None`` until they have run.
        location: The suspected lines; ``None`` until they are ranked.
        demands: What an edit must achieve; ``None`` likewise.
        search: The edits; ``None`` until there are any.
        seconds: How long edits were tried.
        several: Whether no function is executed by all failing tests, so that there is more than
            one fault.
    """

    def __init__(self, run: Run, settings: TestSettings) -> None:
        self._run = run
        self._settings = settings
        self.root = ""
        self.traced: Traced | None = None
        self.location: Location | None = None
        self.demands: Demands | None = None
        self.search: Search | None = None
        self.seconds = 0.0
        self.several = False

    async def find(self, path: str) -> str:
        """Return the repository's folder.

        Raises:
            InputError: There is none.
        """
        self.root = await self._run.step("find", _find, path)
        return self.root

    async def trace(self) -> Traced:
        """Run the tests with their lines traced."""
        self.traced = await self._run.step("trace the tests", self._trace, self.root)
        return self.traced

    async def rank(self) -> Location:
        """Rank the lines that failing tests execute."""
        traced = self.traced
        assert traced is not None
        read = await self._run.step("read sources", read_sources, self.root, _paths(traced))
        sources = {}
        unread = list(read.unread)
        unparsed: dict[str, str] = {}
        for path, text in read.texts.items():
            source = Source.parse(path, text.encode())
            if source is None:
                unparsed[path] = text
            else:
                sources[path] = source
        spectrum = add_up(
            traced.failing, len(traced.passing), traced.passed_lines, sources, unparsed
        )
        tests = [path for path in read.texts if is_test(path)]
        self.location = rank(spectrum, sources, tests, _note(unread, unparsed), unparsed)
        suspects = self.location.suspects
        if suspects:
            paths = sorted({suspect.path for suspect in suspects})
            self.demands = demands_of(traced, paths)
            self.search = Search(suspects, sources, self.demands.targets)
            reached = reached_by(traced, self.demands, suspects).values()
            self.several = max(map(len, reached), default=0) < len(self.demands.targets)
        return self.location

    async def try_next(self, seconds: float, most: int = BATCH) -> Outcomes | None:
        """Try the most promising edits for so many seconds; ``None`` when there are no more."""
        assert self.search is not None
        assert self.demands is not None
        attempts = self.search.next(most)
        if not attempts:
            return None
        outcomes = await self.try_these(attempts, self.demands, seconds)
        self.search.learn(attempts, outcomes)
        return outcomes

    async def try_these(
        self, attempts: list[Attempt], demands: Demands, seconds: float
    ) -> Outcomes:
        """Try some edits for so many seconds."""
        assert self.traced is not None
        reached = reached_by(self.traced, demands, [attempt.suspect for attempt in attempts])
        outcomes = await self._run.step(
            "try edits",
            self._try,
            self.root,
            demands,
            tuple(as_candidates(attempts, reached)),
            round(seconds, 1),
        )
        self.seconds += outcomes.seconds
        return outcomes

    async def _trace(self, root: str) -> Traced:
        return await trace_tests(self._run, root, self._settings)

    async def _try(
        self, root: str, demands: Demands, candidates: tuple[Candidate, ...], seconds: float
    ) -> Outcomes:
        return await try_edits(self._run, root, self._settings, demands, candidates, seconds)


def read_sources(root: str, paths: tuple[str, ...]) -> Sources:
    """Read files of a repository.

    Args:
        root: Its folder.
        paths: The files, relative to it, the most suspected first.
    """
    texts: dict[str, str] = {}
    unread: list[str] = []
    for path in paths:
        try:
            content = (Path(root) / path).read_bytes()
            if len(content) > _LARGEST or len(texts) >= _SOURCES:
                unread.append(path)
            else:
                texts[path] = content.decode()
        except (OSError, UnicodeDecodeError):
            unread.append(path)
    return Sources(texts=texts, unread=tuple(unread))


def _note(unread: Sequence[str], unparsed: Mapping[str, str]) -> str:
    """Say which files were not understood, and which Python they need where that is why."""
    said = [f"not looked at: {', '.join(sorted(unread)[:10])}"] if unread else []
    for path, text in sorted(unparsed.items())[:5]:
        needs = parse_file(path, PYTHON, text.encode()).needs
        why = f", as it needs Python {needs}" if needs else ""
        said.append(f"{path} is ranked by its lines and not edited{why}")
    return "; ".join(said)


def _find(path: str) -> str:
    return str(resolve(path))


def _paths(traced: Traced) -> tuple[str, ...]:
    """Return the files that failing tests execute, those that the most execute first."""
    counts: dict[str, int] = {}
    for record in traced.failing:
        for path in {*record.lines, *(path for path, _ in record.trace)}:
            counts[path] = counts.get(path, 0) + 1
    return tuple(sorted(counts, key=lambda path: (is_test(path), -counts[path], path)))
