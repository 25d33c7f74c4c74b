"""What this distribution brings to Perdure; imported by every command, so it imports little."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version

from perdure.agents import AgentSpec, Check, hookimpl
from perdure_research.agent import ResearchAgent
from perdure_research.parameters import ResearchParameters


@hookimpl
def register_agents() -> Iterable[AgentSpec]:
    """Bring the ``research`` agent."""
    return [
        AgentSpec(
            name="research",
            description="Answers a question from files, folders and URLs, with quoted citations.",
            agent=ResearchAgent,
            parameters=ResearchParameters,
            examples=(
                "How much do street trees cool the town, and what do they cost?",
                "What do the reports say about delays?",
            ),
            check=check,
        )
    ]


def check() -> Iterable[Check]:
    """Say which of the libraries that do the work are there, without importing the heavy ones."""
    for part in ("charset-normalizer", "lxml", "pypdfium2", "snowballstemmer"):
        try:
            found = version(part)
        except PackageNotFoundError:
            yield Check(part=part, found=False, advice="pip install --upgrade perdure-research")
        else:
            yield Check(part=part, found=True, version=found)
    for part in ("tokenizers", "wordllama"):
        try:
            yield Check(part=part, found=True, version=version(part), required=False)
        except PackageNotFoundError:
            yield Check(
                part=part,
                found=False,
                advice="for answers in other words: pip install 'perdure-research[semantic]'",
                required=False,
            )
    yield Check(
        part="SQLite with FTS5",
        found=_searches(),
        version=sqlite3.sqlite_version,
        advice="use a Python whose sqlite3 module has the extension FTS5",
    )


def _searches() -> bool:
    with closing(sqlite3.connect(":memory:")) as database:
        try:
            database.execute("CREATE VIRTUAL TABLE tried USING fts5(text)")
        except sqlite3.OperationalError:
            return False
    return True
