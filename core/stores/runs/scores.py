"""The score store: how good runs are, as people, programs and their agents say."""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, RowMapping, bindparam, func, select

from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.journal import ScoreWriter
from perdure.models import Score, ScoreContent
from perdure.models.scores import MAX_SCORES
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import StateConflict, UnknownGoal
from perdure.stores.database.fencing import Claim
from perdure.stores.database.retry import with_retries
from perdure.stores.database.tenancy import TenantStore
from perdure.telemetry.metrics import recording
from perdure.telemetry.traces.recording import scored

_SCORES: Final = schema.scores.c
_GOALS: Final = schema.goals.c
_OF_RUN: Final = _SCORES.workflow_id == bindparam("run")
# Locks the run, so that no two at once exceed the limit, and none is given to one being deleted.
_LOCK: Final = (
    select(_GOALS.agent_type, _GOALS.tenant, _GOALS.trace)
    .where(_GOALS.workflow_id == bindparam("run"))
    .with_for_update()
)
_LIST: Final = (
    select(schema.scores)
    .where(_OF_RUN)
    .order_by(_SCORES.name, _SCORES.step, _SCORES.by, _SCORES.by_agent)
)
_COUNT: Final = select(func.count()).select_from(schema.scores).where(_OF_RUN)
_SAME: Final = select(schema.scores).where(
    _OF_RUN,
    _SCORES.name == bindparam("score"),
    _SCORES.step == bindparam("about"),
    _SCORES.by == bindparam("scorer"),
    _SCORES.by_agent == bindparam("is_agent"),
)


class TooManyScores(StateConflict):
    """The run has as many scores as a run may have."""


class _Given(NamedTuple):
    """A score on record, and what it is of."""

    score: Score
    is_new: bool
    agent: str
    tenant: str
    trace: str | None


class ScoreStore(TenantStore):
    """The scores of runs."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        upsert = database.insert(schema.scores)
        self._upsert = upsert.on_conflict_do_update(
            index_elements=list(schema.scores.primary_key.columns),
            set_={name: upsert.excluded[name] for name in ("number", "label", "comment", "at")},
        )

    async def give(self, workflow_id: str, content: ScoreContent, by: str) -> Score:
        """Put a score on a run, in place of the one of that name by the same scorer.

        Args:
            workflow_id: The run, whether it has ended or not.
            content: The score.
            by: Whose it is.

        Raises:
            UnknownGoal: There is no such run.
            TooManyScores: It has as many as a run may have.
        """

        def give(transaction: Transaction) -> _Given:
            self._tenancy.check_run(transaction.connection, workflow_id)
            return self._give(transaction, workflow_id, content, by)

        given = await self._database.write(give)
        _export(workflow_id, given)
        return given.score

    async def of(self, workflow_id: str) -> tuple[Score, ...]:
        """Return the scores of a run, sorted by name.

        Raises:
            UnknownGoal: It is another tenant's.
        """

        def fetch(connection: Connection) -> tuple[Score, ...]:
            self._tenancy.check_run(connection, workflow_id)
            return scores_of(connection, workflow_id)

        return await self._database.read(fetch)

    def writer(self, claim: Claim) -> ScoreWriter:
        """Return what stores the scores that one execution of a run gives its run."""
        return _ClaimedWriter(self, claim)

    async def give_as_agent(self, claim: Claim, content: ScoreContent) -> None:
        """Put the score of a run's own agent on it.

        Raises:
            Fenced: Another execution has claimed the run, or it has ended.
            TooManyScores: It has as many as a run may have.
            JournalFailed: The stores were unavailable for a minute.
        """

        def give(transaction: Transaction) -> _Given:
            claim.check(transaction)
            return self._give(transaction, claim.workflow_id, content, None)

        given = await with_retries(lambda: self._database.write(give))
        _export(claim.workflow_id, given)

    def _give(
        self, transaction: Transaction, workflow_id: str, content: ScoreContent, by: str | None
    ) -> _Given:
        execute = transaction.connection.execute
        run = execute(_LOCK, {"run": workflow_id}).first()
        if run is None:
            raise UnknownGoal(workflow_id)
        scorer = run.agent_type if by is None else by
        score = Score(
            **content.model_dump(include=set(ScoreContent.model_fields)),
            by=scorer,
            by_agent=by is None,
            at=datetime.now(UTC),
        )
        key = {"run": workflow_id, "score": score.name, "about": score.step or ""}
        same = execute(_SAME, key | {"scorer": scorer, "is_agent": score.by_agent}).mappings()
        before = same.first()
        if before is not None and _says_the_same(known := _score(before), score):
            return _Given(known, False, run.agent_type, run.tenant, run.trace)
        if before is None and execute(_COUNT, {"run": workflow_id}).scalar_one() >= MAX_SCORES:
            raise TooManyScores(
                f"goal {workflow_id} has {MAX_SCORES} scores, and may have no more: give one again"
                " by its name to replace it"
            )
        execute(self._upsert, _row(workflow_id, run.tenant, score))
        return _Given(score, True, run.agent_type, run.tenant, run.trace)


class _ClaimedWriter:
    def __init__(self, store: ScoreStore, claim: Claim) -> None:
        self._store = store
        self._claim = claim

    async def write(self, content: ScoreContent) -> None:
        try:
            await self._store.give_as_agent(self._claim, content)
        except TooManyScores as error:
            raise PermanentError(str(error)) from error


def scores_of(connection: Connection, workflow_id: str) -> tuple[Score, ...]:
    """Return the scores of a run, sorted by name."""
    return tuple(map(_score, connection.execute(_LIST, {"run": workflow_id}).mappings()))


def _export(workflow_id: str, given: _Given) -> None:
    if given.is_new:
        recording.scored(given.score.name, given.tenant, given.score.number)
        scored(workflow_id, given.agent, given.tenant, given.trace, given.score)


def _says_the_same(known: Score, score: Score) -> bool:
    known_value = (type(known.value), known.value, known.comment)
    return known_value == (type(score.value), score.value, score.comment)


def _row(workflow_id: str, tenant: str, score: Score) -> dict[str, Any]:
    return {
        "workflow_id": workflow_id,
        "name": score.name,
        "step": score.step or "",
        "by": score.by,
        "by_agent": score.by_agent,
        "number": score.number,
        "label": score.label,
        "comment": score.comment,
        "at": score.at,
        "tenant": tenant,
    }


def _score(row: RowMapping) -> Score:
    value: bool | float | str
    if row["number"] is None:
        value = row["label"]
    else:
        value = row["number"] if row["label"] is None else row["number"] != 0
    return Score(
        name=row["name"],
        value=value,
        comment=row["comment"],
        step=row["step"] or None,
        by=row["by"],
        by_agent=row["by_agent"],
        at=row["at"],
    )
