"""Scripts for a model server written as YAML, for trying an agent by hand.

::

    replies:                      # one after another …
      - text: Let me look.
        pieces: 3                 # … in three pieces, where a stream is asked for
      - calls: [{name: search, arguments: {query: moss}}]
      - when: weather             # … but this whenever the last message holds that text
        text: It rains.
      - status: 429
        retry_after: 2
    otherwise: {text: I have nothing left to say.}
"""

import difflib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from perdure.testing.model_endpoint.script import ChatRequest, Reply, ToolCall

if TYPE_CHECKING:
    from yaml.nodes import Node

_LONGEST_SECONDS: Final = 3_600.0

Seconds = Annotated[float, Field(ge=0, le=_LONGEST_SECONDS)]


class ScriptRefused(Exception):
    """A script cannot be used; the message names file, line and field."""


class _StrictModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _ToolCall(_StrictModel):
    name: str
    arguments: dict[str, JsonValue] = {}


class _Reply(_StrictModel):
    """One reply; the fields are those of :class:`~perdure.testing.Reply`, and two more.

    Attributes:
        when: Only where the last message holds this text, in upper or lower case; then it is sent
            before the others, and as often as it fits.
        times: How often it is sent; once when it is in turn, without end when it has a ``when``.
    """

    when: str | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    text: str = ""
    calls: tuple[_ToolCall, ...] = Field(default=(), strict=False)
    status: Annotated[int, Field(ge=200, le=599)] = 200
    retry_after: Annotated[float, Field(ge=0)] | str | None = None
    code: str | None = None
    delay: Seconds = 0.0
    pause: Seconds = 0.0
    pieces: Annotated[int, Field(ge=1)] = 4
    cut_after: Annotated[int, Field(ge=0)] | None = None
    garbage: bool = False
    silent: bool = False

    @model_validator(mode="after")
    def _see_that_it_answers(self) -> "_Reply":
        if not (self.text or self.calls or self.garbage or self.silent or self.status != 200):
            raise ValueError("it answers nothing: give it text, calls, status, garbage or silent")
        return self

    def reply(self) -> Reply:
        chosen = self.model_dump(exclude={"when", "times", "calls"})
        calls = tuple(ToolCall(call.name, call.arguments) for call in self.calls)
        return Reply(tool_calls=calls, **chosen)


class _Script(_StrictModel):
    replies: Annotated[tuple[_Reply, ...], Field(min_length=1)] = Field(strict=False)
    otherwise: _Reply | None = None


class YamlScript:
    """A script read from a file: call it with a request for the reply."""

    def __init__(self, script: _Script) -> None:
        self._remaining = [
            reply for reply in script.replies if reply.when is None for _ in range(reply.times or 1)
        ]
        self._conditional_replies = [reply for reply in script.replies if reply.when is not None]
        self._use_counts: Counter[int] = Counter()
        self._otherwise = script.otherwise

    def __call__(self, request: ChatRequest) -> Reply:
        """Return the reply to a request; an error 400 once nothing is left."""
        chosen = self._conditional(request.last.casefold()) or self._next() or self._otherwise
        return Reply(status=400, code="script_is_over") if chosen is None else chosen.reply()

    def _conditional(self, last: str) -> _Reply | None:
        for number, reply in enumerate(self._conditional_replies):
            is_left = reply.times is None or self._use_counts[number] < reply.times
            if is_left and reply.when is not None and reply.when.casefold() in last:
                self._use_counts[number] += 1
                return reply
        return None

    def _next(self) -> _Reply | None:
        return self._remaining.pop(0) if self._remaining else None


def read_script(path: Path) -> YamlScript:
    """Read a script.

    Raises:
        ScriptRefused: It cannot be read, is no YAML, or has a field or value that is not allowed.
    """
    try:
        import yaml
    except ImportError:
        raise ScriptRefused(
            "scripts are YAML, and PyYAML is not installed: run pip install 'perdure[testing]'"
        ) from None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptRefused(f"{path} cannot be read ({error}): name a YAML file") from None
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        value: object = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        why = getattr(error, "problem", None) or "it cannot be read"
        raise ScriptRefused(f"{path}{line}: that is no YAML ({why}): correct it") from None
    if node is None or not isinstance(value, dict):
        raise ScriptRefused(f"{path}, line 1: it holds no script: write replies: and a list")
    try:
        return YamlScript(_Script.model_validate(value))
    except ValidationError as error:
        raise ScriptRefused(_error_message(path, node, error)) from None


def _error_message(path: Path, node: "Node", error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    names, line, known = _locate(node, first["loc"])
    field = ".".join(names)
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(names[-1], known, n=1)
        instead = f"did you mean {near[0]!r}?" if near else f"use {', '.join(known)}"
        return f"{path}, line {line}: there is no field {field!r} here, {instead}"
    what = first["msg"].removeprefix("Value error, ")
    return f"{path}, line {line}: {field or 'the script'} cannot be used ({what}): correct it"


def _locate(node: "Node", location: tuple[int | str, ...]) -> tuple[list[str], int, list[str]]:
    """Return the path to a field, its line, and the fields that are allowed beside it."""
    from yaml.nodes import MappingNode, SequenceNode

    names, line, known = list[str](), node.start_mark.line + 1, list(_Script.model_fields)
    for part in location:
        if isinstance(node, SequenceNode) and isinstance(part, int):
            node = node.value[part]
            names.append(str(part + 1))
            line = node.start_mark.line + 1
            known = list((_ToolCall if "calls" in names else _Reply).model_fields)
        elif isinstance(node, MappingNode):
            names.append(str(part))
            if names == ["otherwise"]:
                known = list(_Reply.model_fields)
            under = [(key, value) for key, value in node.value if key.value == str(part)]
            if not under:
                break
            line, node = under[0][0].start_mark.line + 1, under[0][1]
    return names, line, known
