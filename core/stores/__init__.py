"""What Perdure remembers: goals, results, context (the journal), events, metrics, artifacts."""

from perdure.stores.artifacts import ArtifactStore
from perdure.stores.context import ContextStore
from perdure.stores.database import Database
from perdure.stores.errors import StoreUnavailable, UnknownArtifact, UnknownGoal
from perdure.stores.events import EventStore
from perdure.stores.goals import GoalStore
from perdure.stores.metrics import MetricStore
from perdure.stores.opening import Stores, open_stores
from perdure.stores.results import ResultStore

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
