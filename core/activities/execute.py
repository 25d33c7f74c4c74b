"""``execute_agent_task``: execute the agent, heartbeat meanwhile, store its result as a draft."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import structlog
from pydantic import JsonValue
from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.activities.agent_lookup import KnownDelegates, find_agent
from perdure.activities.execution_context import ExecutionContext
from perdure.activities.execution_watchdog import Execution, ExecutionWatchdog
from perdure.activities.failures import failed_activity
from perdure.activities.gate import Gate
from perdure.activities.threads_left import threads_left_reported
from perdure.activities.uploaded_files import UploadAway, UploadedFiles
from perdure.agents.execution import clean_up, execute_agent, partial_result
from perdure.agents.factory import AnyAgent, create_agent
from perdure.agents.model_calls.circuit_breaker import CIRCUIT_BREAKERS, CircuitBreakers
from perdure.agents.plugins.registry import AgentRegistry, MissingAgent
from perdure.agents.runs.run import Run
from perdure.agents.steps.errors import BudgetExceeded, failure_from
from perdure.agents.steps.run_closed import (
    Cancelled,
    Ended,
    Fenced,
    Interrupted,
    JournalFailed,
    OutOfTime,
    RunClosed,
    Stalled,
    StepTooLong,
    Suspended,
)
from perdure.agents.steps.steps import Steps
from perdure.messages import (
    EXECUTE_ACTIVITY,
    STORES_AWAY,
    WAIT_FOR_SLOT,
    ExecuteInput,
    ExecuteOutput,
)
from perdure.models import EventType, Failure, FailureKind, Goal, GoalStatus
from perdure.policy.watching import watch_policy
from perdure.redis.redis_breakers import RedisBreakers
from perdure.settings import Settings
from perdure.stores import Stores, StoreUnavailable, UnknownGoal
from perdure.stores.database.fencing import Claim
from perdure.telemetry.conventions import END
from perdure.telemetry.metrics import recording
from perdure.telemetry.traces.recording import execution as recorded_execution

# Failures that use up no attempt.
_NOT_COUNTED: Final = frozenset(
    {FailureKind.THROTTLED, FailureKind.LOST_WORKER, FailureKind.STORES_AWAY}
)

log = structlog.get_logger()


class Execute:
    """The activity that executes a goal's agent."""

    def __init__(
        self,
        stores: Stores,
        registry: AgentRegistry,
        settings: Settings,
        gate: Gate | None = None,
    ) -> None:
        self._stores = stores
        self._gate = gate or Gate(stores.slots)
        self._registry = registry
        self._settings = settings
        self._uploads = UploadedFiles(stores, settings)
        self._breakers = _open_breakers(stores)
        # Here, where rules that are wrong end the worker with a sentence.
        self._policy = watch_policy(settings.policy)
        if self._policy is not None:
            recording.policy(self._policy.is_refused)
        self._watchdog = ExecutionWatchdog(stores, settings.stall_seconds)

    @activity.defn(name=EXECUTE_ACTIVITY)
    async def execute_agent_task(self, task: ExecuteInput) -> ExecuteOutput:
        """Execute the agent until it has ended or has to wait, and store its result as a draft.

        Returns:
            How it ended: see :class:`~perdure.messages.ExecuteOutput`.

        Raises:
            ApplicationError: The stores do not answer, the agent failed, or another execution has
                taken the run over; its details hold the :class:`~perdure.models.Failure` and
                whether the agent's clean-up is done. What was made by then is kept.
        """
        try:
            self._check_stores(task)
            claim, is_retry = await self._claim_run(task)
            if not await self._gate.enter(task.goal, claim, has_begun=task.after is not None):
                return ExecuteOutput(gated=True, waits=(WAIT_FOR_SLOT,))
            context = ExecutionContext(
                self._stores, claim, self._breakers, self._policy, is_retry=is_retry
            )
            identity = claim.workflow_id, claim.run_id, claim.sequence
            with recorded_execution(task.goal, *identity, task.attempt) as span:
                try:
                    with self._uploads.named_as_given(claim.tenant):
                        executed = await self._execute_with_slot(task, context)
                except Ended:
                    span.set({END: "ended"})
                    raise
                except Fenced:
                    span.repeated()  # whoever has taken over has recorded that this one is lost
                    raise
                except ApplicationError as error:
                    span.fail(error.type or "ApplicationError", error.message)
                    raise
                span.set({END: _end_of(executed)})
                return executed
        except (JournalFailed, StoreUnavailable) as error:
            log.info("stores away", workflow_id=activity.info().workflow_id, message=str(error))
            raise _installation_failed(STORES_AWAY, error, FailureKind.STORES_AWAY) from None
        except Ended as error:
            # Somebody has terminated it, or has reset a workflow whose goal was over.
            kind = FailureKind.PERMANENT
            over = Failure(type="Ended", message=str(error), permanent=True, kind=kind)
            raise failed_activity(over, cleaned=True) from None
        except UploadAway as error:
            # Another worker may see the file, or this one once it is set up for it.
            log.warning("upload away", workflow_id=activity.info().workflow_id, message=str(error))
            raise _installation_failed("UploadAway", error, FailureKind.LOST_WORKER) from None
        except Fenced as error:
            log.info("run taken over", workflow_id=activity.info().workflow_id)
            raise _installation_failed("Fenced", error, FailureKind.LOST_WORKER) from None
        except ApplicationError:
            raise
        except Exception as error:
            # What the agent raised is an ApplicationError by now: this is the worker's own trouble.
            log.exception("execution failed", workflow_id=activity.info().workflow_id)
            type_ = type(error).__name__
            raise _installation_failed(type_, error, FailureKind.LOST_WORKER) from None

    def _check_stores(self, task: ExecuteInput) -> None:
        if task.stores_id not in {None, self._stores.stores_id}:
            raise StoreUnavailable(
                "this worker has other stores than those the run began in: give every worker of a"
                " task queue the same PERDURE_HOME and PERDURE_DATABASE_URL"
            )

    async def _claim_run(self, task: ExecuteInput) -> tuple[Claim, bool]:
        info = activity.info()
        workflow_id, run_id = info.workflow_id or "", info.workflow_run_id or ""
        claim = Claim(
            workflow_id,
            run_id,
            task.sequence,
            info.scheduled_time,
            task.continued_from,
            started_at=info.started_time,
        )
        type_, data = _start_event(task)
        installed = self._registry.agents.get(task.goal.agent_type)
        version = installed.agent_version if installed else None
        if version is not None:
            data["agent_version"] = version
        try:
            return await self._stores.executions.start(claim, type_, data, version)
        except UnknownGoal:
            # The stores were away when the record should have been opened.
            await self._stores.goals.create(task.goal, workflow_id, info.scheduled_time)
            return await self._stores.executions.start(claim, type_, data, version)

    async def _execute_with_slot(
        self, task: ExecuteInput, context: ExecutionContext
    ) -> ExecuteOutput:
        goes_on = False
        try:
            executed = await self._execute(task, context)
            goes_on = executed.yielded and not context.is_paused
            return executed
        finally:
            await self._gate.leave(task.goal, context.claim, goes_on=goes_on)

    async def _execute(self, task: ExecuteInput, context: ExecutionContext) -> ExecuteOutput:
        if not self._uploads.are_named_by(task.goal):
            return await self._execute_goal(task.goal, task, context)
        async with AsyncExitStack() as files:
            try:
                async with context.emitter.heartbeats():
                    parameters = await files.enter_async_context(
                        self._uploads.local_parameters(task.goal, context.claim.tenant)
                    )
            except asyncio.CancelledError:
                return await self._suspend_early(context)
            goal = task.goal.model_copy(update={"parameters": parameters})
            return await self._execute_goal(goal, task, context)

    async def _execute_goal(
        self, goal: Goal, task: ExecuteInput, context: ExecutionContext
    ) -> ExecuteOutput:
        run = context.run(goal, self._settings, KnownDelegates(self._registry, self._stores))
        workflow_id = context.claim.workflow_id
        if context.is_retry:
            made = await self._stores.artifacts.of(workflow_id)
            run.artifacts.update({artifact.name: artifact for artifact in made})
        logger = log.bind(workflow_id=workflow_id, agent=task.goal.agent_type)
        logger.info("agent started", attempt=task.attempt)
        seconds_left = await self._stores.ledger.seconds_left(context.claim)
        execution = Execution(
            context.claim, run.steps, context.emitter.last_emitted_at, seconds_left
        )
        async with (
            context.emitter.heartbeats(),
            self._watchdog.watch(execution),
            _draining(run.steps),
            threads_left_reported(self._stores, run),
        ):
            agent: AnyAgent | None = None
            try:
                found = await find_agent(self._registry, self._stores, task.goal.agent_type)
                agent = create_agent(found.spec, goal.parameters, run)
                await context.store_draft(
                    await execute_agent(agent, run, on_cancel=_cancellation_reason)
                )
            except (Suspended, Interrupted) as closed:
                logger.info("agent suspended", reason=str(closed) or type(closed).__name__)
                return await self._suspend(context, run, paused=execution.paused)
            except Cancelled:
                logger.info("agent stopped")
                cleaned = await self._end(context, run, agent)
                return ExecuteOutput(cancelled=True, cleaned=cleaned)
            except (Stalled, StepTooLong, OutOfTime, Exception) as error:  # noqa: BLE001 -- the goal's failure
                failure = _failure_of(error)
                # What an error says may be a goal's words: of encrypted goals no log has them.
                said = {} if self._settings.encryption_keys else {"message": failure.message}
                logger.info("attempt failed", type=failure.type, **said)
                if failure.kind is FailureKind.THROTTLED:
                    data = {"retry_after": failure.retry_after, "message": failure.message}
                    await context.emitter.emit_event("run.throttled", data)
                final = failure.permanent or (task.last and failure.kind not in _NOT_COUNTED)
                cleaned = await self._end(context, run, agent, final=final)
                raise failed_activity(failure, cleaned=cleaned) from None
            await context.close()
            await _clean_up(agent, workflow_id)
        logger.info("agent finished")
        return ExecuteOutput(cleaned=True)

    async def _suspend(self, context: ExecutionContext, run: Run, *, paused: bool) -> ExecuteOutput:
        await context.close()
        suspend = self._stores.executions.suspend
        if paused:
            context.is_paused = True
            await suspend(context.claim, GoalStatus.PAUSED, "run.paused", {})
            return ExecuteOutput(yielded=True)
        if isinstance(run.steps.closed, Interrupted):
            await suspend(context.claim, GoalStatus.RUNNING, "run.yielded", {})
            return ExecuteOutput(yielded=True)
        waits = tuple(run.steps.waiting.values())
        kinds = sorted({wait.kind.value for wait in waits})
        await suspend(context.claim, GoalStatus.WAITING, "run.waiting", {"for": [*kinds]})
        return ExecuteOutput(waits=waits, advanced=run.steps.advanced)

    async def _suspend_early(self, context: ExecutionContext) -> ExecuteOutput:
        """End an execution that was stopped before its agent was started."""
        await context.close()
        if isinstance(_cancellation_reason(), Cancelled):
            return ExecuteOutput(cancelled=True, cleaned=not context.is_retry)
        suspend = self._stores.executions.suspend
        await suspend(context.claim, GoalStatus.RUNNING, "run.yielded", {})
        return ExecuteOutput(yielded=True)

    async def _end(
        self, context: ExecutionContext, run: Run, agent: AnyAgent | None, *, final: bool = True
    ) -> bool:
        """Keep what was made, and clean up after the last attempt; return whether that is done.

        An attempt that is followed by another is not cleaned up: the next one may build on what
        the steps so far have left outside.
        """
        if agent is None:
            return not context.is_retry
        await context.store_draft(await partial_result(agent, run))
        await context.close()
        if final:
            await _clean_up(agent, context.claim.workflow_id)
        return final


def _open_breakers(stores: Stores) -> CircuitBreakers:
    if stores.redis is None:
        return CIRCUIT_BREAKERS
    return CircuitBreakers(shared=RedisBreakers(stores.redis))


async def _clean_up(agent: AnyAgent, workflow_id: str) -> None:
    try:
        await clean_up(agent)
    except Exception as error:  # noqa: BLE001 -- it does not change the goal's outcome
        log.warning("cleanup failed", workflow_id=workflow_id, error=repr(error))


@asynccontextmanager
async def _draining(steps: Steps) -> AsyncIterator[None]:
    """Start no further step once this worker shuts down."""

    async def drain() -> None:
        await activity.wait_for_worker_shutdown()
        steps.drain()

    waiting = asyncio.create_task(drain())
    try:
        yield
    finally:
        waiting.cancel()


def _cancellation_reason() -> RunClosed:
    details = activity.cancellation_details()
    if activity.is_worker_shutdown() and not (details is not None and details.cancel_requested):
        return Interrupted("its worker is stopping")
    return Cancelled("somebody asked for it")


def _start_event(task: ExecuteInput) -> tuple[EventType, dict[str, JsonValue]]:
    if task.after == "failure" or (task.after is None and task.attempt > 1):
        return "run.retrying", {"attempt": task.attempt}
    return "run.resumed", {"after": task.after}


def _end_of(executed: ExecuteOutput) -> str:
    if executed.cancelled:
        return "cancelled"
    if executed.waits:
        return "waiting"
    return "yielded" if executed.yielded else "finished"


def _failure_of(error: BaseException) -> Failure:
    if isinstance(error, Stalled):
        message = f"{error}: see what it waits for, or raise PERDURE_STALL_SECONDS"
        return Failure(type="Stalled", message=message, kind=FailureKind.STALLED)
    if isinstance(error, StepTooLong):
        kind = FailureKind.PERMANENT
        return Failure(type="StepTooLong", message=str(error), permanent=True, kind=kind)
    if isinstance(error, OutOfTime):
        return failure_from(BudgetExceeded(f"{error}: hand it in again with a larger one"))
    if isinstance(error, MissingAgent):
        # Another worker may have it, or this one soon: plugins come and go while goals run.
        return Failure(type="MissingAgent", message=str(error), kind=FailureKind.LOST_WORKER)
    return failure_from(error)


def _installation_failed(type_: str, error: BaseException, kind: FailureKind) -> ApplicationError:
    return failed_activity(Failure(type=type_, message=str(error), kind=kind))
