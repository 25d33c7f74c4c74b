"""What processes tell each other over PostgreSQL or Redis: which runs have new events.

No event is in it: whoever is told reads the database. A notification may therefore be late, doubled
or lost, and nobody misses an event or gets one twice.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Final

from sqlalchemy import bindparam, text

from perdure.redis.connection import RedisAway, RedisConnection
from perdure.stores.database.engine import Database, Transaction

# Notifies of runs with new events; returns whether any run is followed by anybody.
Notify = Callable[[Iterable[str]], Awaitable[bool]]

CHANNEL: Final = "perdure_events"
# Whoever listens holds it shared, from the first run that is followed; any constant of ours does.
FOLLOWED_LOCK: Final = 0x50455245

# A notification holds less than 8,000 bytes.
_RUNS_PER_NOTIFICATION: Final = 400
# While one transaction that notifies commits, no other can: PostgreSQL has one lock for all of
# them. So it notifies only if somebody holds the lock of followers, and does not wait for the disk.
_NOTIFY_FOLLOWERS: Final = text(
    "WITH followed AS MATERIALIZED ("
    "SELECT set_config('synchronous_commit', 'off', true) AS set"
    " WHERE NOT pg_try_advisory_xact_lock(:lock)"
    ") SELECT pg_notify(:channel, :payload) FROM followed"
).bindparams(bindparam("lock", FOLLOWED_LOCK), bindparam("channel", CHANNEL))
_NOTIFY: Final = text("SELECT pg_notify(:channel, :payload)").bindparams(
    bindparam("channel", CHANNEL)
)


def run_digest(workflow_id: str) -> str:
    """Return by what a run is named in notifications: an id may hold its caller's words."""
    return hashlib.blake2b(workflow_id.encode(), digest_size=8).hexdigest()


def notify_followers(transaction: Transaction, sender: str, runs: Iterable[str]) -> bool:
    """Notify whoever follows runs that these have new events.

    Args:
        transaction: A transaction that does nothing else.
        sender: Whose events they are; see :attr:`.Database.sender`.
        runs: Their workflow ids.

    Returns:
        Whether any run is followed by anybody.
    """
    is_followed = False
    for digests in _pages(map(run_digest, runs)):
        payload = f"{sender}:{','.join(digests)}"
        row = transaction.connection.execute(_NOTIFY_FOLLOWERS, {"payload": payload}).first()
        is_followed = row is not None
    return is_followed


def database_notify(database: Database) -> Notify:
    """Return what notifies over PostgreSQL.

    Raises:
        StoreUnavailable: On notifying: the database does not answer.
    """

    async def notify(runs: Iterable[str]) -> bool:
        return await database.write(partial(notify_followers, sender=database.sender, runs=runs))

    return notify


def redis_notify(redis: RedisConnection, sender: str) -> Notify:
    """Return what notifies over Redis, for as long as that answers."""
    channel = redis_channel(redis)

    async def notify(runs: Iterable[str]) -> bool:
        payload = f"{sender}:{','.join(map(run_digest, runs))}"
        try:
            await redis.ask("events", lambda client: client.publish(channel, payload))
        except RedisAway:
            return False
        return True  # or not, which costs nothing

    return notify


def redis_channel(redis: RedisConnection) -> str:
    """Return the channel of Redis that an installation's processes notify on."""
    return redis.key("events")


def notify_self(transaction: Transaction, sender: str) -> None:
    """Notify of no run, to see whether notifications arrive."""
    transaction.connection.execute(_NOTIFY, {"payload": f"{sender}:"})


def parse_notification(payload: str) -> tuple[str, Sequence[str]]:
    """Return the sender of a notification, and the digests of the runs that it names."""
    sender, _, digests = payload.partition(":")
    return sender, digests.split(",") if digests else ()


def _pages(digests: Iterator[str]) -> Iterator[Sequence[str]]:
    while page := list(islice(digests, _RUNS_PER_NOTIFICATION)):
        yield page
