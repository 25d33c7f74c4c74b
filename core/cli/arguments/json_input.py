"""Values that commands are given as JSON."""

import json
from typing import TYPE_CHECKING

from perdure.cli.runtime.errors import WrongInput

if TYPE_CHECKING:
    from pydantic import JsonValue


def read_json(option: str, text: str) -> "JsonValue":
    """Return the value of an option that takes JSON.

    Raises:
        WrongInput: It is not JSON.
    """
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise WrongInput(
            f"{option} {text[:60]!r} is not JSON ({reason}): write text with quotes, '\"like"
            " this\"'"
        ) from error
    return value
