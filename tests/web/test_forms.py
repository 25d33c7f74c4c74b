"""The form of any parameters model: fields made from its schema, and values read back."""

from enum import Enum
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from perdure.agents import InputPath
from perdure.models import Parameters
from perdure.web.forms.fields import PARAMETER_PREFIX, form_fields, is_first, read_form


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Place(BaseModel):
    town: str


class Everything(BaseModel):
    text: str = Field(description="Words.")
    maybe: str | None = None
    count: int = 3
    share: float = 0.5
    deep: bool = True
    either: bool | None = None
    shallow: bool = False
    depth: Literal["quick", "thorough"] = "quick"
    level: Literal[1, 2] = 2
    named: Literal["1", "2"] = "1"
    colour: Colour = Colour.BLUE
    words: list[str] = Field(default_factory=list)
    kinds: list[Literal["one", "two"]] = []
    levels: list[Literal[1, 2]] = []
    path: InputPath | None = None
    paths: tuple[InputPath, ...] = ()
    places: list[Place] = Field(default_factory=list)
    limits: dict[str, int] = Field(default_factory=dict)


SCHEMA = Everything.model_json_schema()


def filled(**changes: str) -> dict[str, str]:
    """Return what a browser submits for the form with some fields changed."""
    shown = {field.name: field.value for field in form_fields(SCHEMA)}
    sent = {PARAMETER_PREFIX + name: value for name, value in (shown | changes).items()}
    boxes = {
        PARAMETER_PREFIX + field.name for field in form_fields(SCHEMA) if field.kind == "checkbox"
    }
    return {name: value for name, value in sent.items() if value or name not in boxes}


def test_each_type_has_its_field() -> None:
    kinds = {field.name: field.kind for field in form_fields(SCHEMA)}
    assert kinds == {
        "text": "text",
        "maybe": "text",
        "count": "number",
        "share": "number",
        "deep": "checkbox",
        "either": "choice",
        "shallow": "checkbox",
        "depth": "choice",
        "level": "choice",
        "named": "choice",
        "colour": "choice",
        "words": "lines",
        "kinds": "choices",
        "levels": "choices",
        "path": "file",
        "paths": "files",
        "places": "json",
        "limits": "json",
    }
    first, *others = form_fields(SCHEMA)
    assert (first.required, first.description) == (True, "Words.")
    assert not any(field.required for field in others)
    assert form_fields(None) == []


def test_an_unchanged_field_is_the_default() -> None:
    read = Everything.model_validate(read_form(SCHEMA, filled(text="x")))
    assert read == Everything(text="x")


@pytest.mark.parametrize(
    ("sent", "given"),
    [
        ({"count": "7", "share": "1e-3"}, {"count": 7, "share": 0.001}),
        ({"deep": "", "shallow": "on"}, {"deep": False, "shallow": True}),
        ({"level": "1", "named": "2"}, {"level": 1, "named": "2"}),
        ({"colour": "red", "depth": "thorough"}, {"colour": "red", "depth": "thorough"}),
        ({"words": "one\r\n two \r\n\r\n"}, {"words": ["one", "two"]}),
        ({"kinds": "two\none"}, {"kinds": ["two", "one"]}),
        ({"levels": "2"}, {"levels": [2]}),
        ({"path": " upload:1/a b.pdf "}, {"path": "upload:1/a b.pdf"}),
        ({"paths": "a.pdf\r\nupload:1/b.pdf\r\n"}, {"paths": ["a.pdf", "upload:1/b.pdf"]}),
        ({"places": '[{"town": "Rom"}]'}, {"places": [{"town": "Rom"}]}),
        ({"limits": '{"a": 1}'}, {"limits": {"a": 1}}),
        ({"maybe": "12"}, {"maybe": "12"}),
        ({"either": "false"}, {"either": False}),
        ({"text": "one\r\ntwo"}, {"text": "one\ntwo"}),
    ],
)
def test_a_value_is_read_as_its_type(sent: dict[str, str], given: Parameters) -> None:
    read = read_form(SCHEMA, filled(**({"text": "x"} | sent)))
    assert {name: read[name] for name in given} == given
    Everything.model_validate(read)


def test_a_value_that_cannot_be_read_stays_text() -> None:
    read = read_form(SCHEMA, filled(count="many", limits="{"))
    assert (read["count"], read["limits"], read["text"]) == ("many", "{", "")
    read = read_form(SCHEMA, filled(share="NaN", limits="[" * 100_000))
    assert (read["share"], read["limits"]) == ("NaN", "[" * 100_000)


def test_a_field_says_what_it_is_and_what_it_takes() -> None:
    class Described(BaseModel):
        json_schema: str = ""
        memory_mb: int = Field(5, ge=1, le=9, description="memory", examples=[2, 4])
        share: float = Field(0.5, le=1)
        named: str = Field("", title="What to call it")

    memory, share = (form_fields(Described.model_json_schema())[place] for place in (1, 2))
    assert [field.label for field in form_fields(Described.model_json_schema())] == [
        "JSON schema",
        "Memory MB",
        "Share",
        "What to call it",
    ]
    assert (memory.description, memory.examples) == ("memory (1 to 9)", ("2", "4"))
    assert share.description == "1 at most"


def test_what_was_filled_in_is_not_hidden() -> None:
    def first(**changes: str) -> list[str]:
        fields = form_fields(SCHEMA, filled(**changes))
        return [field.name for number, field in enumerate(fields) if is_first(field, number)]

    assert first(text="x") == ["text", "maybe", "count", "share", "path", "paths"]
    assert "limits" in first(text="x", limits="{}")
