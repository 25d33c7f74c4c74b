"""A model's thinking, told from its text: in a stream's pieces, and in the response they make.

Some models write it into their text, between tags.
"""

import sys
from dataclasses import dataclass, replace
from itertools import groupby

from pydantic_ai.messages import (
    ModelResponse,
    ModelResponsePart,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
)
from pydantic_ai.models import Model
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.profiles import DEFAULT_THINKING_TAGS

_CONTENT = "content"  # the id that pydantic-ai gives to thinking that was found in the text


def with_thinking_apart(response: ModelResponse, model: Model) -> ModelResponse:
    """Return a streamed response with the thinking parts that it had if it were not streamed.

    pydantic-ai sees a tag of OpenAI's chat protocol in a stream only where it is a piece of its
    own, as from a server that sends each token alone. Others cut the text anywhere: the tag stays
    in the text, or the text that follows the thinking becomes part of it.
    """
    tags = _tags_of(model)
    if tags is None:
        return response
    start, end = tags
    parts: list[ModelResponsePart] = []
    for is_content, group in groupby(response.parts, _is_content):
        pieces = list(group)
        if is_content and any(_is_mixed(piece, start, end) for piece in pieces):
            text = "".join(_as_sent(piece, start, end) for piece in pieces)
            parts += _split(text, start, end, response.provider_name)
        else:
            parts += pieces
    return replace(response, parts=parts)


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of a streamed response.

    Attributes:
        text: The piece.
        is_thinking: Whether it belongs to the thinking, and not to the text of the answer.
    """

    text: str
    is_thinking: bool


class TextPieces:
    """Reads the pieces of text and of thinking in the events of one stream, as they come."""

    def __init__(self, model: Model) -> None:
        self._tags = _tags_of(model)
        self._is_within_tags = False
        self._withheld = ""
        # The parts that are thinking by a tag of their own, whatever follows their end's.
        self._in_text: set[int] = set()

    def read(self, event: object) -> list[TextPiece]:
        """Return the pieces in an event; what may be the beginning of a tag is in a later one."""
        if isinstance(event, PartStartEvent):
            return self._read_part(event.part, event.index)
        if not isinstance(event, PartDeltaEvent):
            return []
        if isinstance(event.delta, TextPartDelta):
            return self._read_text(event.delta.content_delta)
        if isinstance(event.delta, ThinkingPartDelta):
            thinking = event.delta.content_delta or ""
            is_in_text = event.index in self._in_text
            return self._read_text(thinking) if is_in_text else _piece(thinking, True)
        return []

    def rest(self) -> list[TextPiece]:
        """Return what was kept back, at the end of the stream."""
        withheld, self._withheld = self._withheld, ""
        return _piece(withheld, self._is_within_tags)

    def _read_part(self, part: ModelResponsePart, index: int) -> list[TextPiece]:
        start, end = self._tags or ("", "")
        if isinstance(part, TextPart):
            return self._read_text((end if self._is_within_tags else "") + part.content)
        if not isinstance(part, ThinkingPart):
            return []
        if self._tags is None or not _is_content(part):
            return _piece(part.content, True)
        self._in_text.add(index)
        return self._read_text(("" if self._is_within_tags else start) + part.content)

    def _read_text(self, text: str) -> list[TextPiece]:
        if self._tags is None:
            return _piece(text, False)
        pieces: list[TextPiece] = []
        text = self._withheld + text
        while True:
            tag = self._tags[self._is_within_tags]
            before, found, text = text.partition(tag)
            if not found:
                whole = len(before) - _length_of_beginning(before, tag)
                self._withheld = before[whole:]
                return pieces + _piece(before[:whole], self._is_within_tags)
            pieces += _piece(before, self._is_within_tags)
            self._is_within_tags = not self._is_within_tags


def _piece(text: str, is_thinking: bool) -> list[TextPiece]:
    return [TextPiece(text, is_thinking)] if text else []


def _length_of_beginning(text: str, tag: str) -> int:
    """Return how many characters at the end of a text may be the beginning of a tag."""
    lengths = range(min(len(text), len(tag) - 1), 0, -1)
    return next((length for length in lengths if tag.startswith(text[-length:])), 0)


def _tags_of(model: Model) -> tuple[str, str] | None:
    """Return the tags around thinking in a model's text; ``None`` for one that writes none."""
    while isinstance(model, WrapperModel):
        model = model.wrapped
    openai = sys.modules.get("pydantic_ai.models.openai")
    if openai is None or not isinstance(model, openai.OpenAIChatModel):
        return None
    start, end = model.profile.get("thinking_tags", DEFAULT_THINKING_TAGS)
    return start, end


def _is_content(part: ModelResponsePart) -> bool:
    """Return whether a part is made of the text that the provider sent as the answer."""
    return isinstance(part, TextPart) or (isinstance(part, ThinkingPart) and part.id == _CONTENT)


def _is_mixed(part: ModelResponsePart, start: str, end: str) -> bool:
    tag = end if isinstance(part, ThinkingPart) else start
    return tag in str(getattr(part, "content", ""))


def _as_sent(part: ModelResponsePart, start: str, end: str) -> str:
    content = str(getattr(part, "content", ""))
    if not isinstance(part, ThinkingPart):
        return content
    # A tag within it is the one that ended it, and what follows is the answer.
    return start + content + ("" if end in content else end)


def _split(text: str, start: str, end: str, provider: str | None) -> list[ModelResponsePart]:
    parts: list[ModelResponsePart] = []
    while text:
        before, tag, rest = text.partition(start)
        thinking, closing, after = rest.partition(end)
        if before:
            parts.append(TextPart(before))
        if tag and closing:
            parts.append(ThinkingPart(thinking, id=_CONTENT, provider_name=provider))
        elif rest:  # never closed: only the tag is lost, as where it is not streamed
            parts.append(TextPart(rest))
        text = after
    return parts
