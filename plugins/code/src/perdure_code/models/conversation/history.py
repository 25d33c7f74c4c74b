"""What of a long conversation a model is still sent; imported where one is asked."""

from dataclasses import replace
from typing import Final

from pydantic_ai.messages import ModelMessage, ModelRequest, ModelRequestPart, ToolReturnPart

MOST_CHARACTERS: Final = 40_000
_SHORT: Final = 200
_LEFT_OUT: Final = "(Left out by now, to be brief: call the tool again if you need it.)"


def shorten_history(messages: list[ModelMessage]) -> list[ModelMessage]:
    """Return a conversation in which what tools gave long ago is left out.

    The newest 40,000 characters stay, and what is short; the same conversation is always shortened
    in the same way, so that its requests are found again in the journal.
    """
    kept: list[ModelMessage] = []
    size = 0
    for message in reversed(messages):
        if not isinstance(message, ModelRequest):
            kept.append(message)
            continue
        parts: list[ModelRequestPart] = []
        for part in reversed(message.parts):
            shortened, characters = _shortened(part, size)
            size += characters
            parts.append(shortened)
        kept.append(replace(message, parts=parts[::-1]))
    return kept[::-1]


def _shortened(part: ModelRequestPart, size: int) -> tuple[ModelRequestPart, int]:
    """Return a part, and how many characters of tools' results it has."""
    # Its subclasses have contents of their own kinds, and come of no tool of ours.
    if type(part) is not ToolReturnPart or not isinstance(part.content, str):
        return part, 0
    length = len(part.content)
    if length > _SHORT and size and size + length > MOST_CHARACTERS:
        left_out: ToolReturnPart = replace(part)
        left_out.content = _LEFT_OUT
        return left_out, 0
    return part, length
