"""The words in a description that are replaced when a goal is started."""

import re
from collections.abc import Mapping
from typing import Final

from perdure.models.goals import MAX_DESCRIPTION_CHARACTERS

SCHEDULED_TIME: Final = "scheduled_time"
RESULT: Final = "result"
WORKFLOW_ID: Final = "workflow_id"

_WORDS: Final = re.compile("{(" + "|".join((SCHEDULED_TIME, RESULT, WORKFLOW_ID)) + ")}")


def filled(description: str, values: Mapping[str, str]) -> str:
    """Return a description with values in place of their names in braces.

    Other braces stay as they are, and so do names without a value. What is too long for a
    description ends in an ellipsis.
    """
    text = _WORDS.sub(lambda found: values.get(found[1], found[0]), description)
    if len(text) > MAX_DESCRIPTION_CHARACTERS:
        return text[: MAX_DESCRIPTION_CHARACTERS - 1] + "…"
    return text
