"""How an activity says that it failed, so that the workflow knows what to do about it."""

from temporalio.exceptions import ApplicationError

from perdure.models import Failure


def failed_activity(failure: Failure, *, cleaned: bool = False) -> ApplicationError:
    """Return the error that tells the workflow of a failure.

    Args:
        failure: What happened.
        cleaned: Whether the agent's clean-up is done.
    """
    details = {"failure": failure.model_dump(mode="json"), "cleaned": cleaned}
    return ApplicationError(
        failure.message, details, type=failure.type, non_retryable=failure.permanent
    )
