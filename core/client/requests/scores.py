"""Requests of scores: put one on a goal, list them."""

from perdure.client.requests.request import Request, get, post
from perdure.models import Score
from perdure.models.scores import ScoreValue
from perdure.schemas.goals import ScoreList, ScoreRequest


def score(
    workflow_id: str,
    name: str,
    value: ScoreValue,
    comment: str = "",
    *,
    step: str | None = None,
    by: str | None = None,
) -> Request[Score]:
    """Put a score on a run; the same name again, of the same step, replaces it.

    Args:
        workflow_id: The run.
        name: What is judged, such as ``accuracy``.
        value: How good it is: a number, ``True`` or ``False``, or a label.
        comment: Why.
        step: The step that it is about; the whole run when not given.
        by: Whose it is; the key's, or the person's, when not given.
    """
    body = ScoreRequest(name=name, value=value, comment=comment, step=step, by=by)
    return post(("api", "goals", workflow_id, "scores"), Score, body, repeatable=True)


def scores(workflow_id: str) -> Request[ScoreList]:
    """List the scores of a run."""
    return get(("api", "goals", workflow_id, "scores"), ScoreList)
