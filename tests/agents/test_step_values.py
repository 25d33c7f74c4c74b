"""The value of a step is what its function returned, or refused before it can mislead."""

import enum
import math
import re
import typing
import uuid
from collections import Counter, OrderedDict, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Annotated, Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, ConfigDict, Field, JsonValue, PrivateAttr, SecretStr, computed_field
from typing_extensions import TypedDict

from perdure.agents import Goal, PermanentError, Run, StepFailed
from perdure.agents.steps.memory import MemoryJournal
from perdure.models import Failure

GOAL = Goal(goal_id="g", description="try it", agent_type="try-it")


def label(value: object) -> str:
    """Return a value as the id of a case, without its address: each process must get the same."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


class Parser:
    pass


class Soup(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    parser: Parser


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: float


class Row(TypedDict):
    name: str
    prices: list[Decimal]


class Page(BaseModel):
    url: str
    read_at: datetime | None = None
    tags: frozenset[str] = frozenset()


class LongPage(Page):
    words: int = 0


class Picture(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", extra="forbid")

    content: bytes

    @computed_field  # type: ignore[prop-decorator]
    @property
    def size(self) -> int:
        return len(self.content)


class Raw(BaseModel):
    content: bytes


class Guarded(BaseModel):
    name: str
    _lock: Any = PrivateAttr(default_factory=Lock)


class Noting(BaseModel):
    name: str
    _note: str = PrivateAttr("")


class Locked(BaseModel):
    key: SecretStr


class OldRow(typing.TypedDict):
    name: str


class ById(BaseModel):
    type: str = ""
    rows: dict[tuple[int, int], str]


class Loose(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    client: Event | None = Field(None, exclude=True)


@dataclass(eq=False)
class Order:
    net: Decimal
    lines: list["Order"] = field(default_factory=list)


class Text(str):
    """A text of its own type."""

    __slots__ = ()


class Grumpy:
    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")

    __hash__ = object.__hash__


def _noting() -> Noting:
    noting = Noting(name="a")
    noting._note = "kept nowhere"
    return noting


def _returning(value: object, annotation: Any = ...) -> Callable[[], object]:
    def function() -> object:
        return value

    del function.__annotations__["return"]
    if annotation is not ...:
        function.__annotations__["return"] = annotation
    return function


async def _both(function: Callable[[], object]) -> tuple[object, object]:
    """Return what the first execution and a later one get; the function is called once."""
    journal, calls = MemoryJournal(), []

    def counted() -> object:
        calls.append(1)
        return function()

    counted.__annotations__ = function.__annotations__
    first = await Run(GOAL, journal).step("make", counted)
    later = await Run(GOAL, journal).step("make", counted)
    assert calls == [1]
    return first, later


BERLIN = datetime(2025, 10, 26, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)

KEPT = [
    (Decimal("19.90"), Decimal),
    (datetime(2025, 1, 2, 3, 4, 5, 6, tzinfo=UTC), datetime),
    (datetime(2025, 1, 2, tzinfo=timezone(timedelta(hours=5, minutes=30))), datetime),
    (datetime(2025, 1, 2, 3, 4), datetime),  # noqa: DTZ001 -- one without a zone
    (date(2025, 1, 2), date),
    (timedelta(days=1, microseconds=3), timedelta),
    (b"\x00\xff", bytes),
    ([b"\x00\xff", None], list[bytes | None]),
    ({"a"}, set[str]),
    (frozenset({1, 2}), frozenset[int]),
    ((1, "a"), tuple[int, str]),
    ([(1, Decimal("0.10"))], list[tuple[int, Decimal]]),
    ({1: {2: [3]}}, dict[int, dict[int, list[int]]]),
    ({date(2025, 1, 2): Decimal(1)}, dict[date, Decimal]),
    (Point(1, 2.5), Point),
    (Colour.RED, Colour),
    ({Level.LOW: Colour.RED}, dict[Level, Colour]),
    (Path("a/b"), Path),
    (uuid.UUID(int=5), uuid.UUID),
    (10**400, int),
    (math.inf, float),
    (-0.0, float),
    (None, None),
    (None, Page | None),
    (complex(1, 2), complex),
    ({"name": "a", "prices": [Decimal("1.50")]}, Row),
    (Page(url="a", read_at=datetime(2025, 1, 2, tzinfo=UTC), tags=frozenset("a")), Page),
    ([LongPage(url="a", words=3)], list[LongPage]),
    (Picture(content=b"\x00\xff"), Picture),
    (Raw(content=b"text"), Raw),
    (OrderedDict(a=1), OrderedDict[str, int]),
    (Counter("aab"), Counter[str]),
    ("Grüße 😀 \x00", str),
    ("\\ud800", str),
    ({"a": [1, 2.5, None, True, "x", {}]}, JsonValue),
    ({"a": [1]}, object),
    (5, TypeVar("T")),
]


@pytest.mark.parametrize(("value", "annotation"), KEPT, ids=label)
async def test_an_annotated_value_is_what_was_returned(value: object, annotation: object) -> None:
    for read in await _both(_returning(value, annotation)):
        assert type(read) is type(value)
        assert read == value or repr(read) == repr(value)
        assert repr(read) == repr(value) or isinstance(value, datetime | set | frozenset | Page)


async def test_a_time_keeps_its_moment_and_offset_where_the_hour_comes_twice() -> None:
    for read in await _both(_returning(BERLIN, datetime)):
        assert isinstance(read, datetime)
        assert (read.isoformat(), read.utcoffset()) == (BERLIN.isoformat(), BERLIN.utcoffset())


async def test_dataclasses_and_guarded_models_need_no_equality() -> None:
    order = Order(Decimal("1.20"), [Order(Decimal("0.10"))])
    for read in await _both(_returning(order, Order)):
        assert isinstance(read, Order)
        assert (repr(read.net), repr(read.lines[0].net)) == ("Decimal('1.20')", "Decimal('0.10')")
    for read in await _both(_returning(Guarded(name="a"), Guarded)):
        assert read == Guarded(name="a") or isinstance(read, Guarded)
    for read in await _both(_returning(Loose(name="a"), Loose)):
        assert read == Loose(name="a")


PLAIN = [None, True, 1, 10**400, 1.5, math.inf, "ü😀\x00", [], [[1, {}]], {"a": {"b": [None, 1]}}]


@pytest.mark.parametrize("value", PLAIN, ids=label)
async def test_plain_data_needs_no_annotation(value: object) -> None:
    for read in await _both(_returning(value)):
        assert repr(read) == repr(value)


async def test_nan_needs_no_annotation() -> None:
    for read in await _both(_returning([math.nan])):
        assert isinstance(read, list)
        assert math.isnan(read[0])


CHANGED = [
    (Decimal("19.90"), r"is a Decimal, .*-> Decimal"),
    (datetime(2025, 1, 2, tzinfo=UTC), r"is a datetime, .*-> datetime"),
    (b"\x00\xff", r"is a bytes, .*-> bytes"),
    ({"a"}, r"is a set, .*-> set\[str\]"),
    ((1, 2), r"is a tuple, .*-> tuple\[int, int\]"),
    ({1: 2}, r"holds an int \(1\) among its keys.*-> dict\[int, int\]"),
    (Page(url="a"), r"is a Page, .*-> Page"),
    (Order(Decimal(1)), r"is an Order, .*-> Order"),
    (Colour.RED, r"is a Colour, .*-> Colour"),
    (Level.LOW, r"is a Level, .*-> Level"),
    (Text("a"), r"is a Text, .*plain data"),
    (defaultdict(int), r"is a defaultdict, .*plain data"),
    (Point(1, 2), r"is a Point, .*-> Point"),
    (Path("a"), r"is a PosixPath"),
    ((n for n in "ab"), r"is a generator, .*plain data"),
    ({"a": [{"b": Decimal(1)}]}, r"holds a Decimal at \['a'\]\[0\]\['b'\].*-> dict\[str, list"),
    ({"a": Decimal(1), "b": "1"}, r"holds a Decimal at \['a'\].*a Pydantic model or dataclass"),
    (ValueError("x"), r"is a ValueError, .*plain data"),
    (Grumpy(), r"is a Grumpy, .*plain data"),
]


@pytest.mark.parametrize("annotation", [..., Any, object, JsonValue], ids=str)
@pytest.mark.parametrize(("value", "sentence"), CHANGED, ids=label)
async def test_what_json_would_change_is_refused(
    value: object, sentence: str, annotation: object
) -> None:
    with pytest.raises(StepFailed, match=f"value of step 'make' {sentence}") as raised:
        await _both(_returning(value, annotation))
    assert raised.value.failure.permanent


MISREAD = [
    ("1.5", Decimal | str, r"a str \('1\.5'\) as a Decimal"),
    (Decimal("NaN"), Decimal, "a Decimal, which does not fit .*finite"),
    (LongPage(url="a", words=2), Page, r"a LongPage as a Page"),
    ([LongPage(url="a", words=2)], list[Page], r"a LongPage at \[0\] as a Page"),
    ({"a": [Decimal(1)]}, dict[str, Any], r"a Decimal at \['a'\]\[0\] as a str"),
    ({"a": (1, 2)}, dict[str, object], r"a tuple at \['a'\] as a list"),
    ({1: 2}, dict[int | str, int], r"an int \(1\) among its keys as a str \('1'\)"),
    ({(1, 2): 3}, dict, r"a tuple among its keys as a str"),
    (_noting(), Noting, r"at \._note"),
    (Locked(key=SecretStr("k")), Locked, r"a SecretStr at \.key"),
    (Raw(content=b"\xff"), Raw, "cannot be journaled.*utf-8"),
    (None, str, r"returned None, which does not fit .*-> str"),
    ("many", int, r"a str \('many'\), which does not fit .*-> int"),
    (5, None, r"an int \(5\), which does not fit .*-> None"),
    (Page.model_construct(url=None), Page, "url: Input should be a valid string"),  # type: ignore[arg-type]
    (Grumpy(), list[Any], "does not fit"),
    ([Grumpy()], list[Any], "cannot be journaled"),
]


@pytest.mark.parametrize(("value", "annotation", "sentence"), MISREAD, ids=label)
async def test_what_would_read_back_as_something_else_is_refused(
    value: object, annotation: object, sentence: str
) -> None:
    with pytest.raises(StepFailed, match=sentence) as raised:
        await _both(_returning(value, annotation))
    assert "step 'make'" in raised.value.failure.message
    assert raised.value.failure.permanent


async def test_the_annotation_decides() -> None:
    for read in await _both(_returning((1, 2), list[int])):
        assert read == [1, 2]
    for read in await _both(_returning(3, float)):
        assert repr(read) == "3.0"
    for read in await _both(_returning({"url": "a"}, Page)):
        assert read == Page(url="a")
    for read in await _both(_returning((n for n in range(3)), list[int])):
        assert read == [0, 1, 2]


UNREADABLE = [
    bytearray,
    range,
    Event,
    Grumpy,
    Iterator[int],
    AsyncIterator[int],
    Callable[[], int],
    dict[tuple[int, int], str],
    list[dict[Point, str]],
    ById,
    list[bytearray],
    type,
    type[int],
    Soup,
    dict[str, list[Soup]],
    pytest.param(OldRow, marks=pytest.mark.skipif("sys.version_info >= (3, 12)")),
    pytest.param(list[OldRow], marks=pytest.mark.skipif("sys.version_info >= (3, 12)")),
]


@pytest.mark.parametrize("annotation", UNREADABLE, ids=label)
async def test_a_type_that_cannot_be_read_back_is_refused_before_the_effect(
    annotation: object,
) -> None:
    calls: list[int] = []

    def effect() -> object:
        calls.append(1)
        return None

    effect.__annotations__["return"] = annotation
    with pytest.raises(PermanentError, match=r"step 'pay' is not started.*return plain data"):
        await Run(GOAL).step("pay", effect)
    assert calls == []


async def test_a_class_is_a_function_that_returns_its_instances() -> None:
    run = Run(GOAL)
    assert await run.step("page", Page, url="a") == Page(url="a")
    assert repr(await run.step("price", partial(Decimal, "1.50"))) == "Decimal('1.50')"
    assert repr(await run.step("count", int, "7")) == "7"


async def test_a_plain_function_may_return_an_awaitable() -> None:
    async def price() -> Decimal:
        return Decimal("1.50")

    def started() -> Awaitable[Decimal]:
        return price()

    assert repr(await Run(GOAL).step("price", started)) == "Decimal('1.50')"


async def test_an_annotation_that_means_nothing_is_named() -> None:
    with pytest.raises(StepFailed, match="-> Elsewhere, which means nothing where it is defined"):
        await _both(_returning(Decimal(1), "Elsewhere"))
    assert await _both(_returning([1], "Elsewhere")) == ([1], [1])


async def test_another_parameters_unknown_annotation_changes_nothing() -> None:
    def read(path: Any) -> Decimal:
        return Decimal(path)

    read.__annotations__["path"] = "Elsewhere"
    assert repr(await Run(GOAL).step("read", read, "1.50")) == "Decimal('1.50')"


@pytest.mark.parametrize("annotation", [..., str, Any], ids=str)
async def test_half_a_surrogate_pair_is_refused(annotation: object) -> None:
    with pytest.raises(StepFailed, match=r"step 'make' holds half a surrogate pair, .*'replace'"):
        await _both(_returning("a\ud800", annotation))


@pytest.mark.parametrize(
    ("value", "annotation", "where"),
    [
        ({"a": ["\ud83d"]}, ..., r" at \['a'\]\[0\]"),
        ({"\udfff": 1}, dict[str, int], " among its keys"),
        (Page(url="\ud83d\ude00"), Page, r" at \['url'\]"),
    ],
)
async def test_where_half_a_surrogate_pair_is(
    value: object, annotation: object, where: str
) -> None:
    with pytest.raises(StepFailed, match=f"holds half a surrogate pair{where}, "):
        await _both(_returning(value, annotation))


async def test_names_and_failures_hold_no_half_surrogate_pair() -> None:
    def fail() -> None:
        raise ValueError("bad \ud800")

    with pytest.raises(StepFailed, match=r"bad \\ud800") as raised:
        await Run(GOAL).step("fail", fail)
    assert Failure.model_validate_json(raised.value.failure.model_dump_json()).type == "ValueError"
    with pytest.raises(PermanentError, match="holds half a surrogate pair"):
        await Run(GOAL).step("na\ud800me", fail)


def _itself() -> list[object]:
    nested: list[object] = []
    nested.append(nested)
    return nested


@pytest.mark.parametrize("annotation", [..., list[Any]], ids=str)
@pytest.mark.parametrize("value", [_itself(), 10**5000], ids=["itself", "digits"])
async def test_what_json_cannot_write_is_a_permanent_failure(
    value: object, annotation: object
) -> None:
    with pytest.raises(StepFailed, match=r"step 'make'") as raised:
        await _both(_returning(value, annotation))
    assert raised.value.failure.permanent


async def test_a_journaled_value_that_fits_no_more_says_so() -> None:
    journal = MemoryJournal()
    await Run(GOAL, journal).step("fetch", _returning({"words": 3}))
    with pytest.raises(PermanentError, match=r"journaled value of step 'fetch'.*url.*version"):
        await Run(GOAL, journal).step("fetch", _returning(None, Page))


async def test_metadata_without_a_hash_is_no_obstacle() -> None:
    annotation = Annotated[Decimal, ["a list"]]
    for read in await _both(_returning(Decimal("1.50"), annotation)):
        assert repr(read) == "Decimal('1.50')"
