"""Results and the files that belong to them."""

import re
from typing import Annotated, Final

from pydantic import Field, JsonValue, StringConstraints

from perdure.models.base import LastingModel, Model
from perdure.models.texts import Text
from perdure.models.usage import Usage

# As the header Content-Type has it (RFC 9110); of parameters only that they can stand in a header.
_MEDIA_TYPE: Final = re.compile(
    r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}(?: *;[ -~]{0,200})?", re.ASCII
)


def is_media_type(text: str) -> bool:
    """Return whether a text is a media type, such as ``text/markdown; charset=utf-8``."""
    return _MEDIA_TYPE.fullmatch(text) is not None


class Artifact(Model):
    """A file that a run made, stored under its digest.

    Attributes:
        name: Relative path under which the file is served, such as ``charts/sales.svg``.
        media_type: Its type, such as ``text/markdown``.
        digest: ``sha256:`` and 64 hexadecimal digits.
        size: Bytes.
    """

    name: str
    media_type: str
    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


class Result(Model):
    """The result of an agent.

    Attributes:
        summary: The answer in one or a few sentences.
        data: The structured answer; keys are the agent's own. JSON has no NaN and no infinity: both
            are kept as null.
        artifacts: Files the run made.
        usage: What the run used of paid models.
        metadata: ``agent_type`` and ``tokens_used``, which the core sets, and the agent's own.
            Where the agent has tried a model, ``way`` says what made the result: ``model``,
            ``rules`` or ``both``; ``model`` which one that was, and ``way_reason`` why by rules.
    """

    summary: Text = ""
    data: dict[str, JsonValue] = Field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    usage: Usage = Usage()
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class ResultReference(LastingModel):
    """A reference to a result in the stores: what Temporal's history holds in its place.

    Attributes:
        workflow_id: The run that it belongs to.
        summary: The first 200 characters of its summary.
        size: Bytes of the whole result as JSON, artifacts not counted.
        artifacts: How many files belong to it.
        metadata: ``agent_type`` and ``tokens_used``.
    """

    workflow_id: str
    summary: str = ""
    size: int = 0
    artifacts: int = 0
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
