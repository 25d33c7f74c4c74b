"""``--param``: text stays text where the parameter takes it, and paths become absolute."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr

from perdure.agents import AgentSpec, Goal, InputPath, ParametersRefused, Result, Run
from perdure.agents.parameters import typed_parameters
from perdure.cli.arguments.parameters import read_parameters


def test_an_existing_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reads(BaseModel):
        path: InputPath = Field(description="What to read.")
        more: list[InputPath] = []
        maybe: InputPath | None = None
        text: str = ""

    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.csv").touch()
    given = [
        "path=sales.csv",
        'more=["sales.csv", "https://x.example/y"]',
        "text=sales.csv",
        "maybe=sales.csv",
    ]
    assert read_parameters(given, Reads) == {
        "path": str(tmp_path / "sales.csv"),
        "more": [str(tmp_path / "sales.csv"), "https://x.example/y"],
        "text": "sales.csv",
        "maybe": str(tmp_path / "sales.csv"),
    }
    assert read_parameters(["path=gone.csv"], Reads) == {"path": "gone.csv"}


def test_a_list_may_be_given_item_by_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reads(BaseModel):
        paths: list[InputPath] = []
        numbers: list[int] = []
        either: str | list[str] = ""
        text: str = ""

    monkeypatch.chdir(tmp_path)
    (tmp_path / "a, b.csv").touch()
    given = ["paths=a, b.csv", "paths=gone.csv", "numbers=1", "numbers=2", "text=x", "text=y"]
    assert read_parameters(given, Reads) == {
        "paths": [str(tmp_path / "a, b.csv"), "gone.csv"],
        "numbers": ["1", "2"],
        "text": "y",
    }
    assert read_parameters(["paths=gone.csv"], Reads) == {"paths": ["gone.csv"]}
    assert read_parameters(["numbers=[1, 2]"], Reads) == {"numbers": [1, 2]}
    assert read_parameters(["numbers=7"], Reads) == {"numbers": ["7"]}
    assert read_parameters(["either=x"], Reads) == {"either": "x"}


class Typed(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    seconds: int = 1
    ratio: float = 0.5
    price: Decimal = Decimal(0)
    on: date | None = None
    level: Literal["low", "high"] = "low"
    name: str = ""
    path: InputPath = Path("here")
    key: SecretStr = SecretStr("")
    size: int = Field(0, alias="sizeOf")
    ticket: UUID = Field(default_factory=uuid4)


def spec_of(model: type[BaseModel] | None) -> AgentSpec:
    async def typed(run: Run, goal: Goal) -> Result:
        return Result()

    return AgentSpec(name="typed", description="Takes.", agent=typed, parameters=model)


def test_parameters_are_the_models_values_in_json() -> None:
    pairs = ["seconds=2", "ratio=1", "price=2.50", "on=2026-03-01", "name=7", "path=./a.csv"]
    given = read_parameters([*pairs, "level=high", "sizeOf=3"], Typed)
    assert typed_parameters(spec_of(Typed), given) == {
        "seconds": 2,
        "ratio": 1.0,
        "price": "2.50",
        "on": "2026-03-01",
        "name": "7",
        "path": "a.csv",
        "level": "high",
        "sizeOf": 3,
    }
    assert typed_parameters(spec_of(Typed), {"size": "3"}) == {"size": 3}
    assert typed_parameters(spec_of(Typed), {}) == {}
    assert typed_parameters(spec_of(None), {}) == {}


def test_parameters_that_json_would_change_stay_as_they_were_given() -> None:
    given: dict[str, JsonValue] = {"key": "secret", "seconds": "2"}
    assert typed_parameters(spec_of(Typed), given) == given


def test_parameters_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ParametersRefused, match="seconds: Input should be a valid integer"):
        typed_parameters(spec_of(Typed), {"seconds": "many"})
