"""What the pages of batches show: badges, figures, and the buttons that fit a batch's status."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from perdure.models.batches import BatchRecord, BatchStatus, ItemRecord, ItemStatus
from perdure.stores import Stores
from perdure.temporal.batches.outcome import OutcomeFormat
from perdure.timelines.figures import duration

SHOWN_ITEMS: Final = 50
# Which of the badges each status has, where it has none of its own.
BADGES: Final[Mapping[str, str]] = {
    BatchStatus.STOPPED.value: "failed",
    BatchStatus.CANCELLING.value: "cancelled",
    ItemStatus.INVALID.value: "failed",
}
_FORMATS: Final = (
    ("CSV", OutcomeFormat.CSV),
    ("JSON lines", OutcomeFormat.JSON_LINES),
    ("Parquet", OutcomeFormat.PARQUET),
)


class Action(NamedTuple):
    """A button of a batch's page.

    Attributes:
        name: The last part of the address that it sends to.
        label: What it says.
        icon: Its icon.
    """

    name: str
    label: str
    icon: str


_PAUSE: Final = Action("pause", "Pause", "pause")
_RESUME: Final = Action("resume", "Resume", "play")
_RETRY: Final = Action("retry", "Retry what failed", "retry")


def badge_of(status: BatchStatus | ItemStatus) -> str:
    """Return the name of a status's badge."""
    return BADGES.get(status.value, status.value)


def percentage(record: BatchRecord) -> float:
    """Return how much of a batch has ended, from 0 to 100."""
    total = record.counts.total
    return 100 * record.counts.ended / total if total else 0.0


def rate(record: BatchRecord) -> str:
    """Return how many items end in which time, such as ``3.2 a second``."""
    if record.per_second is None:
        return "unknown"
    if record.per_second >= 1:
        return f"{record.per_second:,.1f} a second"
    return f"{record.per_second * 60:,.1f} a minute"


def time_left(record: BatchRecord) -> str:
    """Return how long a batch will go on, in words; empty when nothing of it goes on."""
    if record.status is not BatchStatus.RUNNING:
        return ""
    if record.seconds_left is None:
        return "how long it takes is not known yet"
    return f"about {duration(record.seconds_left)} left"


def actions_of(record: BatchRecord) -> Sequence[Action]:
    """Return the buttons for a batch, beside the one that cancels it."""
    status, actions = record.status, []
    if status is BatchStatus.RUNNING:
        actions.append(_PAUSE)
    if status in {BatchStatus.PAUSED, BatchStatus.STOPPED}:
        actions.append(_RESUME)
    if record.counts.failed and status not in {BatchStatus.CANCELLING, BatchStatus.CANCELLED}:
        actions.append(_RETRY)
    return actions


def may_be_cancelled(record: BatchRecord) -> bool:
    """Return whether there is something to cancel."""
    return not record.status.final and record.status is not BatchStatus.CANCELLING


def note_of(item: ItemRecord) -> str:
    """Return what became of an item, in a sentence."""
    return item.error.message if item.error is not None else item.summary


async def batch_page(
    stores: Stores, record: BatchRecord, status: ItemStatus | None = None, after: int = 0
) -> dict[str, object]:
    """Return what the page of a batch shows.

    Args:
        stores: Where it is.
        record: The batch.
        status: The status of the items that are listed; any when not given.
        after: Those with larger numbers are listed.

    Raises:
        UnknownBatch: It was deleted meanwhile.
        StoreUnavailable: The stores do not answer.
    """
    items = await stores.batches.items(
        record.batch_id, after=after, limit=SHOWN_ITEMS, status=status
    )
    return {
        "batch": record,
        "items": items,
        "chosen": status.value if status is not None else "",
        "after": after,
        "next": items[-1].number if len(items) == SHOWN_ITEMS else None,
        "actions": actions_of(record),
        "may_be_cancelled": may_be_cancelled(record),
        # A larger one lets it go on that has met the one it had.
        "asks_for_budget": record.status is BatchStatus.STOPPED
        and record.settings.budget_cost is not None,
        "formats": _FORMATS,
        "statuses": [(each, getattr(record.counts, each.value)) for each in ItemStatus],
        "problem": "",
        "badge_of": badge_of,
        "percentage": percentage,
        "rate": rate,
        "time_left": time_left,
        "note_of": note_of,
    }
