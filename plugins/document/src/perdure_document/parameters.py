"""The parameters of the document agent: which files, what to do with them, and how."""

import json
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from perdure.agents import InputPath

ActionName = Literal["extract", "compare", "redact", "fields", "convert", "assemble"]
RedactedKind = Literal["email", "phone", "iban", "credit-card", "date"]
Target = Literal["docx", "pdf"]

MOST_FILES: Final = 1000
# Which actions take an option; every action takes the others.
_OPTIONS: Final[dict[str, tuple[ActionName, ...]]] = {
    "words": ("redact",),
    "names": ("redact",),
    "patterns": ("redact",),
    "kinds": ("redact",),
    "json_schema": ("fields",),
    "to": ("convert", "assemble"),
    "title": ("assemble",),
    "text_only": ("extract",),
}


def _given_as_text(value: object) -> object:
    """Read a JSON object that a command line hands over as text."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise PydanticCustomError(
                "no_json", "this is no JSON ({reason})", {"reason": str(error)}
            ) from error
    return value


Text = Annotated[str, Field(min_length=1, max_length=500)]
SchemaOrFile = Annotated[dict[str, JsonValue] | InputPath, BeforeValidator(_given_as_text)]


class DocumentParameters(BaseModel):
    """The parameters of a goal for the ``document`` agent.

    Attributes:
        action: What to do with the files.
        path: The file, when there is one.
        paths: The files, when there are several; ``compare`` takes two, the older first.
        words: ``redact``: words and phrases to take out, as whole words, upper or lower case.
        names: ``redact``: names of people or firms; each part of a name is taken out by itself too.
        patterns: ``redact``: regular expressions of what to take out.
        kinds: ``redact``: kinds of data to take out.
        json_schema: ``fields``: the JSON schema to fill, or a file that holds it.
        to: ``convert``: the format to make; ``assemble``: a format to make besides HTML.
        title: ``assemble``: the report's title; the goal's words when not given.
        text_only: ``extract``: whether the text is all that is wanted, as by other agents: nothing
            is summarised then, and no model asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: ActionName = Field(
        default="extract",
        description=(
            "extract (Markdown, structure, summary), compare (two versions), redact (take text"
            " out), fields (fill a JSON schema with evidence), convert (to DOCX or PDF), assemble"
            " (one report of several files)"
        ),
    )
    path: InputPath | None = Field(
        default=None,
        description="PDF, Office, HTML, Markdown or text file, as the worker sees it",
    )
    paths: list[InputPath] = Field(
        default=[],
        max_length=MOST_FILES,
        description="several files, in place of path; compare takes two, the older first",
    )
    words: list[Text] = Field(
        default=[], description="redact: words and phrases to take out, in upper or lower case"
    )
    names: list[Text] = Field(
        default=[], description="redact: names to take out, each of their parts by itself too"
    )
    patterns: list[Text] = Field(
        default=[], description="redact: regular expressions of what to take out"
    )
    kinds: list[RedactedKind] = Field(default=[], description="redact: kinds of data to take out")
    json_schema: SchemaOrFile | None = Field(
        default=None, description="fields: the JSON schema to fill, or the path of a file with it"
    )
    to: Target | None = Field(
        default=None, description="convert: the format to make; assemble: one to make besides HTML"
    )
    title: Annotated[str, Field(max_length=300)] = Field(
        default="", description="assemble: the report's title"
    )
    text_only: bool = Field(
        default=False, description="extract: no summary and no key sentences, and ask no model"
    )

    @property
    def files(self) -> tuple[InputPath, ...]:
        """The files, one or several."""
        return tuple(self.paths) if self.path is None else (self.path,)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for problem in (self._files_problem(), self._option_problem(), self._missing_problem()):
            if problem:
                raise PydanticCustomError("do_not_fit", "{problem}", {"problem": problem})
        return self

    def _files_problem(self) -> str:
        if self.path is not None and self.paths:
            return "give path or paths, not both"
        count = len(self.files)
        if self.action == "compare" and count != 2:
            given = "path names one" if self.path is not None else f"paths has {count}"
            return f"compare takes two files in paths, the older first, and {given}"
        if not count:
            return f"path, or paths, is needed: name what to {_VERBS[self.action]}"
        if self.action == "assemble" and count < 2:
            return "assemble makes one report of several files: name two or more in paths"
        return ""

    def _option_problem(self) -> str:
        for name, actions in _OPTIONS.items():
            if getattr(self, name) and self.action not in actions:
                takes = " and ".join(actions)
                return f"{name} is for {takes}, and action is {self.action}: leave one out"
        return ""

    def _missing_problem(self) -> str:
        if self.action == "redact":
            if not (self.words or self.names or self.patterns or self.kinds):
                return "redact needs words, names, patterns or kinds: say what to take out"
            return self._unusable_word() or next(
                filter(None, map(_pattern_problem, self.patterns)), ""
            )
        if self.action == "fields" and self.json_schema is None:
            return "fields needs json_schema: give a JSON schema, or the path of a file with one"
        if self.action == "convert" and self.to is None:
            return "convert needs to: docx or pdf"
        return ""

    def _unusable_word(self) -> str:
        for name in ("words", "names"):
            for text in getattr(self, name):
                if not any(map(str.isalnum, text)):
                    return f"{name} holds {text!r}, which has no letter or figure: leave it out"
        return ""


_VERBS: Final = {
    "extract": "extract",
    "compare": "compare",
    "redact": "redact",
    "fields": "look for the fields in",
    "convert": "convert",
    "assemble": "assemble",
}


def _pattern_problem(pattern: str) -> str:
    import regex

    try:
        empty = regex.compile(pattern).search("")
    except regex.error as error:
        return f"patterns holds {pattern!r}, which is no regular expression ({error})"
    if empty is not None:
        return f"patterns holds {pattern!r}, which matches nothing at all: make it match some text"
    return ""
