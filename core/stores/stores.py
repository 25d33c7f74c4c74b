"""All stores of an installation, opened and closed together."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from sqlalchemy import select

from perdure.encryption.cipher import Cipher
from perdure.encryption.loading import KeysUnreadable, load_cipher
from perdure.redis.connection import RedisConnection, RedisUnusable
from perdure.settings import Settings
from perdure.stores.access.access_stores import AccessStores
from perdure.stores.artifacts.artifact_store import ArtifactStore
from perdure.stores.artifacts.upload_records import UploadRecordStore
from perdure.stores.artifacts.uploads import UploadStore
from perdure.stores.audit.seal_store import SealStore
from perdure.stores.audit.trail import AuditTrail
from perdure.stores.batches.batch_store import BatchStore
from perdure.stores.batches.feed_store import FeedStore
from perdure.stores.database import schema
from perdure.stores.database.address import database_address, listen_address
from perdure.stores.database.backends.opening import open_database
from perdure.stores.database.engine import Database
from perdure.stores.database.errors import DatabaseAway, StoreUnavailable
from perdure.stores.database.fencing import Claim
from perdure.stores.database.installation import InstallationStore, open_secret
from perdure.stores.database.migrate import migrate
from perdure.stores.database.retry import until_available
from perdure.stores.database.tenancy import TenantStore, check_tenant
from perdure.stores.events.change_notifier import ChangeNotifier
from perdure.stores.events.event_store import EventStore
from perdure.stores.events.event_writer import EventWriter
from perdure.stores.events.notifications import database_notify, redis_notify
from perdure.stores.journal.approvals import ApprovalStore
from perdure.stores.journal.context import ContextStore
from perdure.stores.journal.once_steps import OnceStepStore
from perdure.stores.journal.signals import SignalStore
from perdure.stores.journal.waits import WaitStore
from perdure.stores.notebook.notebook_store import NotebookStore
from perdure.stores.objects.address import artifacts_folder, open_objects
from perdure.stores.objects.content_records import ContentRecords
from perdure.stores.objects.content_store import ContentStore
from perdure.stores.objects.sealed_objects import SealedObjects
from perdure.stores.resealing.resealing_store import ResealingStore
from perdure.stores.retention.deletion import DeletionStore
from perdure.stores.retention.due import DueStore
from perdure.stores.retention.erasure import PeopleStore
from perdure.stores.retention.holds import HoldStore
from perdure.stores.retention.leases import LeaseStore
from perdure.stores.runs.agents import AgentStore
from perdure.stores.runs.callbacks import CallbackStore
from perdure.stores.runs.control import ControlStore
from perdure.stores.runs.current_counts import CurrentCountStore
from perdure.stores.runs.executions import ExecutionStore
from perdure.stores.runs.goals import GoalStore
from perdure.stores.runs.idempotency import IdempotencyKeyStore
from perdure.stores.runs.reruns import RerunStore
from perdure.stores.runs.results import ResultStore
from perdure.stores.runs.scores import ScoreStore
from perdure.stores.runs.workers import WorkerStore
from perdure.stores.slots.slot_store import SlotStore
from perdure.stores.spending.ledger import LedgerStore
from perdure.stores.spending.metrics import MetricStore
from perdure.stores.spending.response_cache import ResponseCache
from perdure.stores.spending.usage import UsageStore
from perdure.stores.timelines.recordings import RecordingStore
from perdure.stores.timelines.timeline_store import TimelineStore

# So many views by tenant are kept; when there are more, they are made anew.
_MAX_VIEWS: Final = 1000
_STORES_ID: Final = select(schema.installation.c.stores_id)


@dataclass(frozen=True, slots=True)
class Stores:
    """Every store of an installation, over one database and one place for files.

    As they are opened they are those of all tenants, which workers and the operator's command line
    work with. Whoever serves a caller takes :meth:`of` the caller's tenant.

    Attributes:
        tenant: Whose everything is that can be read and changed here; ``None`` for all tenants.
        stores_id: Identifies these stores: a run must continue in the ones it was started in.
        resealing: What is sealed with which key; ``None`` where nothing is encrypted.
        redis: What the processes of the installation share for speed; ``None`` where they do not.
    """

    stores_id: str
    database: Database
    installation: InstallationStore
    executions: ExecutionStore
    ledger: LedgerStore
    goals: GoalStore
    results: ResultStore
    context: ContextStore
    once_steps: OnceStepStore
    events: EventStore
    metrics: MetricStore
    contents: ContentStore
    artifacts: ArtifactStore
    uploads: UploadStore
    upload_records: UploadRecordStore
    responses: ResponseCache
    waits: WaitStore
    approvals: ApprovalStore
    signals: SignalStore
    idempotency_keys: IdempotencyKeyStore
    control: ControlStore
    agents: AgentStore
    usage: UsageStore
    workers: WorkerStore
    callbacks: CallbackStore
    access: AccessStores
    timelines: TimelineStore
    recordings: RecordingStore
    reruns: RerunStore
    counts: CurrentCountStore
    scores: ScoreStore
    notebook: NotebookStore
    deletion: DeletionStore
    holds: HoldStore
    people: PeopleStore
    due: DueStore
    slots: SlotStore
    leases: LeaseStore
    trail: AuditTrail
    seals: SealStore
    batches: BatchStore
    batch_feed: FeedStore
    resealing: ResealingStore | None = None
    redis: RedisConnection | None = None
    tenant: str | None = None
    _views: dict[str, "Stores"] = field(default_factory=dict, repr=False, compare=False)

    def of(self, tenant: str) -> "Stores":
        """Return a view of the stores in which there is nothing but what is a tenant's.

        What is read, listed, found, reused, counted and changed is that tenant's; the id of
        another's raises what an id that does not exist raises. Views are kept: it costs nothing.

        Raises:
            InputRefused: It is no name for a tenant.
        """
        if tenant == self.tenant:
            return self
        if (known := self._views.get(tenant)) is not None:
            return known
        check_tenant(tenant)
        views: dict[str, Any] = {"tenant": tenant}
        for each in fields(self):
            store = getattr(self, each.name)
            if isinstance(store, TenantStore | UploadStore):
                views[each.name] = store.of_tenant(tenant)
        if len(self._views) >= _MAX_VIEWS:
            self._views.clear()
        view = self._views[tenant] = replace(self, **views)
        return view

    def emitter(self, claim: Claim, *, is_retry: bool) -> EventWriter:
        """Return the emitter that stores the events of one execution of a run.

        Args:
            claim: The execution's claim.
            is_retry: Whether another execution had the claim before.
        """
        return EventWriter(self.database, claim, is_retry=is_retry)


@asynccontextmanager
async def open_stores(
    settings: Settings, report_waiting: Callable[[str], None] | None = None
) -> AsyncIterator[Stores]:
    """Open the stores, migrate their schema, and close them with the block.

    Args:
        settings: Where they are.
        report_waiting: Wait, however long it takes, for a database whose server does not answer;
            this takes a line for people, at first and every minute. When not given, do not wait.

    Raises:
        StoreUnavailable: The home folder cannot be written, the database does not answer, its
            schema is newer than this version, ``redis_url`` cannot be used, or the database is
            encrypted with keys that are not given.
    """
    _make_home(settings)
    folder = artifacts_folder(settings.artifacts_url, settings.home)
    objects = open_objects(settings.artifacts_url, settings.home)
    cipher = _cipher(settings)
    address = database_address(settings.database_url, settings.home)
    database = open_database(address, listen_address(settings.listen_url, address), cipher)
    redis: RedisConnection | None = None
    if not database.is_sqlite:
        ChangeNotifier(database, database_notify(database))
    try:
        if report_waiting is None:
            await migrate(database, settings.home)
        else:
            await until_available(
                lambda: migrate(database, settings.home), (DatabaseAway,), report_waiting
            )
        stores_id = await database.read(
            lambda connection: connection.execute(_STORES_ID).scalar_one()
        )
        redis = _open_redis(settings.redis_url, stores_id)
        if redis is not None and not database.is_sqlite:
            ChangeNotifier(database, redis_notify(redis, database.sender))
        secret = await open_secret(database, cipher)
        if cipher is not None and secret is not None:
            objects = SealedObjects(objects, cipher, secret)
        contents = ContentStore(objects, ContentRecords(database))
        leases = LeaseStore(database)
        seals = SealStore(database, stores_id)
        database.is_audited = bool(settings.audit_key) or await seals.exist()
        yield Stores(
            stores_id=stores_id,
            database=database,
            installation=InstallationStore(database),
            executions=ExecutionStore(database),
            ledger=LedgerStore(database),
            goals=GoalStore(database),
            results=ResultStore(database),
            context=ContextStore(database, contents),
            once_steps=OnceStepStore(database),
            events=EventStore(database, redis),
            metrics=MetricStore(database),
            contents=contents,
            artifacts=ArtifactStore(database, contents),
            uploads=UploadStore(
                (folder or settings.home / "artifacts") / "uploads",
                settings.upload_bytes,
                contents if folder is None or cipher is not None else None,
            ),
            upload_records=UploadRecordStore(database),
            responses=ResponseCache(database, redis, cipher, secret),
            waits=WaitStore(database),
            approvals=ApprovalStore(database),
            signals=SignalStore(database),
            idempotency_keys=IdempotencyKeyStore(database, secret),
            control=ControlStore(database),
            agents=AgentStore(database),
            usage=UsageStore(database),
            workers=WorkerStore(database),
            callbacks=CallbackStore(database),
            access=AccessStores.over(database),
            timelines=TimelineStore(database),
            recordings=RecordingStore(database),
            reruns=RerunStore(database),
            counts=CurrentCountStore(database),
            scores=ScoreStore(database),
            notebook=NotebookStore(database),
            deletion=DeletionStore(database),
            holds=HoldStore(database),
            people=PeopleStore(database),
            due=DueStore(database),
            slots=SlotStore(database),
            leases=leases,
            trail=AuditTrail(database, stores_id),
            seals=seals,
            batches=BatchStore(database),
            batch_feed=FeedStore(database),
            resealing=ResealingStore(database, contents, leases, cipher) if cipher else None,
            redis=redis,
        )
    finally:
        try:
            await database.close()
        finally:
            if redis is not None:
                await redis.close()


def _open_redis(url: str, stores_id: str) -> RedisConnection | None:
    if not url:
        return None
    try:
        return RedisConnection(url, stores_id)
    except RedisUnusable as error:
        raise StoreUnavailable(str(error)) from error


def _cipher(settings: Settings) -> Cipher | None:
    try:
        return load_cipher(settings.encryption_keys)
    except KeysUnreadable as error:
        raise StoreUnavailable(str(error)) from error


def _make_home(settings: Settings) -> None:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        # A file without a name: processes that do the same at once do not meet.
        with tempfile.TemporaryFile(dir=settings.home):
            pass
    except OSError as error:
        raise StoreUnavailable(
            f"the folder {settings.home} cannot be written ({error.strerror or error}): make it"
            " writable, or set PERDURE_HOME to another"
        ) from error
