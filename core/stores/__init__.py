"""The stores: goals, results, the journal, events, spending, metrics, artifacts."""

from perdure.stores.artifacts.artifact_store import ArtifactStore
from perdure.stores.database.engine import Database
from perdure.stores.database.errors import StoreUnavailable, UnknownArtifact, UnknownGoal
from perdure.stores.events.event_store import EventStore
from perdure.stores.journal.context import ContextStore
from perdure.stores.runs.goals import GoalStore
from perdure.stores.runs.results import ResultStore
from perdure.stores.spending.metrics import MetricStore
from perdure.stores.stores import Stores, open_stores

__all__ = [
    "ArtifactStore",
    "ContextStore",
    "Database",
    "EventStore",
    "GoalStore",
    "MetricStore",
    "ResultStore",
    "StoreUnavailable",
    "Stores",
    "UnknownArtifact",
    "UnknownGoal",
    "open_stores",
]
