"""The part of a run that says how good what it does is."""

from pydantic import ValidationError

from perdure.agents.runs.step_runner import StepRunner
from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.journal import ScoreWriter, score_step
from perdure.agents.steps.steps import Steps
from perdure.models.scores import ScoreContent, ScoreValue


class RunScores:
    """Scores the run; the base class of :class:`~perdure.agents.Run`."""

    steps: Steps
    _runner: StepRunner
    _score_writer: ScoreWriter

    async def score(
        self, name: str, value: ScoreValue, comment: str = "", *, step: str | None = None
    ) -> None:
        """Put a score on the goal, so that its quality is followed like what it costs.

        It is a step: an execution that finds it in the journal does not put it on again. The same
        name once more, of the same step, replaces it. What others say of the goal under that name
        stays beside it.

        Args:
            name: What is judged, such as ``accuracy``: letters and digits, with ``.``, ``_`` and
                ``-`` between them, 64 at most.
            value: How good it is: a number, ``True`` or ``False``, or a label of 64 characters at
                most.
            comment: Why, in 2,000 characters at most.
            step: The name of the step that it is about; the whole run when not given.

        Raises:
            PermanentError: The name, the value or the comment is none.
            StepFailed: The goal has 100 scores, and may have no more.
        """
        try:
            content = ScoreContent(name=name, value=value, comment=comment, step=step)
        except ValidationError as error:
            first = error.errors()[0]
            message = first["msg"].removeprefix("Value error, ")
            raise PermanentError(
                f"run.score was given {name!r} and {value!r}, of which {first['loc'][0]} does not"
                f" fit ({message}): give it a name of letters and digits, and a finite number,"
                " True or False, or a short label"
            ) from error
        key = self.steps.key(score_step(name), [content])
        await self._runner.run(key, self._put, (content,), {}, once=False, idempotency_key=False)

    async def _put(self, content: ScoreContent) -> None:
        await self._score_writer.write(content)
