"""Scores of goals: how good what a run did is, as a person, a program or its agent says."""

import re
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StringConstraints

from perdure.models.base import Model
from perdure.models.texts import refuse_surrogates

MAX_SCORES: Final = 100
"""How many scores a goal may have."""

MAX_COMMENT_CHARACTERS: Final = 2_000
MAX_SCORER_CHARACTERS: Final = 200

SCORE_NAME_PATTERN: Final = r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"

# Sums of these stay finite.
_LARGEST: Final = 1e12
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")


def _is_one_line(label: str) -> str:
    if not label.strip() or _CONTROLS.search(label):
        raise ValueError("a label is one line of text: write a word or a few")
    return label


ScoreName = Annotated[str, StringConstraints(pattern=SCORE_NAME_PATTERN, max_length=64)]
ScoreNumber = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-_LARGEST, le=_LARGEST)]
ScoreLabel = Annotated[
    str,
    StringConstraints(strict=True, max_length=64),
    BeforeValidator(refuse_surrogates),
    AfterValidator(_is_one_line),
]
ScoreValue = StrictBool | ScoreNumber | ScoreLabel
"""A number, true or false, or a label such as ``relevant``."""

_Text = Annotated[str, BeforeValidator(refuse_surrogates)]


class ScoreContent(Model):
    """What is said of a run, or of one of its steps.

    Attributes:
        name: What is judged, such as ``accuracy``.
        value: How good it is.
        comment: Why.
        step: The step that it is about, such as ``read`` or ``read#3``; ``None`` for the whole.
    """

    name: ScoreName
    value: ScoreValue
    comment: Annotated[_Text, StringConstraints(max_length=MAX_COMMENT_CHARACTERS)] = ""
    step: Annotated[_Text, StringConstraints(min_length=1, max_length=300)] | None = None

    @property
    def number(self) -> float | None:
        """The value as a number, true as 1 and false as 0; ``None`` for a label."""
        return None if isinstance(self.value, str) else float(self.value)

    @property
    def label(self) -> str | None:
        """The value as a label, true and false as these words; ``None`` for a number."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return self.value if isinstance(self.value, str) else None


class Score(ScoreContent):
    """A score on record. The same name again, of the same step by the same scorer, replaces it.

    Attributes:
        by: Who says so: the name of the key, the person, or the agent.
        by_agent: Whether the run's own agent does.
        at: When, in UTC.
    """

    by: str
    by_agent: bool = False
    at: datetime
