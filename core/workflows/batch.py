"""The workflow of a batch: it has the batch fed, again and again, until nothing is to be done.

It holds the batch's id and nothing else: items, and what became of them, are in the stores. However
many items there are, its history grows by a few events in ten minutes, and it continues as new.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from perdure.messages import (
        BATCH_WORKFLOW_TYPE,
        FEED_ACTIVITY,
        NEWS_SIGNAL,
        BatchInput,
        BatchOutput,
        FeedOutput,
    )
    from perdure.workflows.failure_policy import WORKFLOW_FAILURES

FEED_TIMEOUT = timedelta(minutes=20)
# A feeder that died is missed soon: nothing starts meanwhile.
HEARTBEAT_TIMEOUT = timedelta(seconds=10)
# A batch is fed however long the stores or the server are away.
FEED_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=10),
)
MAX_HISTORY_EVENTS = 4_000


@workflow.defn(name=BATCH_WORKFLOW_TYPE, failure_exception_types=WORKFLOW_FAILURES)
class BatchWorkflow:
    """Has one batch fed until it has ended, is paused, or has stopped."""

    def __init__(self) -> None:
        self._has_news = False

    @workflow.signal(name=NEWS_SIGNAL)
    def news(self) -> None:
        """Look into the stores once more before ending."""
        self._has_news = True

    @workflow.run
    async def run(self, batch: BatchInput) -> BatchOutput:
        """Feed the batch.

        Returns:
            The status in which nothing is to be done; the batch may go on in another run.
        """
        while True:
            self._has_news = False
            fed: FeedOutput = await workflow.execute_activity(
                FEED_ACTIVITY,
                batch,
                result_type=FeedOutput,
                start_to_close_timeout=FEED_TIMEOUT,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=FEED_RETRY,
            )
            if fed.over and not self._has_news:
                return BatchOutput(batch_id=batch.batch_id, status=fed.status)
            info = workflow.info()
            is_long = info.get_current_history_length() > MAX_HISTORY_EVENTS
            if is_long or info.is_continue_as_new_suggested():
                # What was signalled is in the stores, into which the next run looks at once.
                workflow.continue_as_new(batch)
