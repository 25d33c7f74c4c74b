"""The error with which an activity reports a failure to the workflow."""

from temporalio.exceptions import ApplicationError

from perdure.models import Failure
from perdure.redaction import message_without_secrets


def failed_activity(failure: Failure, *, cleaned: bool = False) -> ApplicationError:
    """Return the error that reports a failure to the workflow.

    Args:
        failure: What happened.
        cleaned: Whether the agent's clean-up is done.
    """
    failure = failure.model_copy(update={"message": message_without_secrets(failure.message)})
    details = {"failure": failure.model_dump(mode="json"), "cleaned": cleaned}
    return ApplicationError(
        failure.message, details, type=failure.type, non_retryable=failure.permanent
    )
