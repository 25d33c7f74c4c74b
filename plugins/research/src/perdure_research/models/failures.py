"""Which failures of a model leave what was found before them as it is."""

from perdure.agents import AnswerRefused, StepFailed


def ends_the_model_only(error: Exception) -> bool:
    """Say whether the model is at fault, or its budget, so that what was found can be kept.

    Not so where a provider asks to wait: then the goal waits. Nor where a step failed, or the goal
    is over.
    """
    from pydantic_ai.exceptions import AgentRunError

    if isinstance(error, StepFailed) and error.failure.kind == "throttled":
        return False
    if isinstance(error, AgentRunError | AnswerRefused):
        return True
    return isinstance(error, StepFailed) and error.failure.kind == "budget"
