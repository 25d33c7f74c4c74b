"""What Holdfast remembers: goals, results, context (the journal), events, metrics, artifacts."""

from holdfast.stores.artifacts import ArtifactStore
from holdfast.stores.context import ContextStore
from holdfast.stores.database import Database
from holdfast.stores.errors import StoreUnavailable, UnknownArtifact, UnknownGoal
from holdfast.stores.events import EventStore
from holdfast.stores.goals import GoalStore
from holdfast.stores.metrics import MetricStore
from holdfast.stores.opening import Stores, open_stores
from holdfast.stores.results import ResultStore

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
