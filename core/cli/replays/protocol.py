"""What a command and the process of a replay say to each other, one JSON object a line."""

import base64
from typing import Final, Literal

from perdure.models.base import LastingModel
from perdure.schemas.replays.recording import Recording
from perdure.schemas.replays.replay import Replay

# A step's value, as a recording has it, has no limit of its own.
LINE_BYTES: Final = 1 << 31


class Request(LastingModel):
    """A line to the process: a recording to replay, or the content that it asked for.

    Attributes:
        recording: The recording.
        content: The content, in base64; ``None`` when it is not there.
        reason: Why it is not.
    """

    recording: Recording | None = None
    content: str | None = None
    reason: str = ""


class Answer(LastingModel):
    """A line from the process: that it is ready, that it wants a content, or a replay.

    Attributes:
        kind: Which of them.
        digest: The content that it wants.
        replay: The replay.
    """

    kind: Literal["ready", "content", "replay"]
    digest: str = ""
    replay: Replay | None = None


def to_line(message: Request | Answer) -> bytes:
    """Return a message as a line."""
    return message.model_dump_json().encode() + b"\n"


def encode(content: bytes) -> str:
    """Return a content as text."""
    return base64.b64encode(content).decode()


def decode(text: str) -> bytes:
    """Return the content that a text stands for."""
    return base64.b64decode(text)
