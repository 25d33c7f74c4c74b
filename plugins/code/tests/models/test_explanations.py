"""Explanations: by names and docstrings without a model, with one by claims that cite lines."""

from pathlib import Path
from typing import Any, Final

import pytest

from perdure.testing import (
    AgentContract,
    ModelServer,
    Rehearsal,
    Reply,
    ToolCall,
    calls,
    rehearse,
    says,
)

CODE: Final = '''\
"""Prices with their tax."""

RATE = 0.19


def gross_price(net):
    """Return a price with its tax.

    Rounded to cents.
    """
    return round(net * (1 + RATE), 2)
'''
APP: Final = "from shop.prices import gross_price\n\nprint(gross_price(10))\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_shop(tmp_path)


def make_shop(folder: Path) -> Path:
    (folder / "shop").mkdir()
    (folder / "shop" / "__init__.py").write_text("")
    (folder / "shop" / "prices.py").write_text(CODE)
    (folder / "app.py").write_text(APP)
    return folder


async def explained(shop: Path, goal: str = "How is the gross price computed?") -> Rehearsal:
    return await rehearse("code", goal, {"path": str(shop), "task": "explain"})


def claims(*claimed: tuple[str, int, int]) -> Reply:
    given: list[Any] = [
        {"claim": text, "lines": [{"path": "shop/prices.py", "first": first, "last": last}]}
        for text, first, last in claimed
    ]
    return calls(ToolCall("explain", {"claims": given}))


async def test_without_a_model_names_and_docstrings_explain(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PERDURE_MODEL", raising=False)
    rehearsal = await explained(shop)
    overview: Any = rehearsal.result.data["overview"]
    (first,) = overview["explained"]
    assert (first["path"], first["name"], first["line"]) == ("shop/prices.py", "gross_price", 6)
    assert first["says"] == "Return a price with its tax."
    assert first["used"] == [["app.py", 1], ["app.py", 3]]
    assert overview["parts"][0]["path"] == "shop/prices.py"
    assert overview["parts"][0]["importers"] == 1
    assert "gross_price (shop/prices.py:6)" in rehearsal.result.summary
    report = rehearsal.files["explanation.md"].decode()
    assert "`shop/prices.py:6-11`" in report
    assert "By rules, from names and docstrings" in report


async def test_a_models_claims_cite_their_lines(model_server: ModelServer, shop: Path) -> None:
    model_server.answers(
        [
            calls(ToolCall("read_lines", {"path": "shop/prices.py"})),
            claims(
                ("`gross_price` multiplies net with 1 and `RATE`.", 6, 11),
                ("The rate is 0.21.", 3, 3),
                ("It sends mail.", 90, 99),
            ),
        ]
    )
    rehearsal = await explained(shop)
    explanation: Any = rehearsal.result.data["explanation"]
    (claim,) = explanation["claims"]
    assert claim["places"][0]["first"] == 6
    assert explanation["left_out"] == 2
    assert rehearsal.result.metadata["way"] == "model"
    assert rehearsal.result.summary.endswith("`RATE` (shop/prices.py:6-11).")


@pytest.mark.parametrize(
    "script",
    [
        [says("It works by magic.")] * 9,
        [claims(("It asks `TaxService`.", 6, 11))],
        [claims()],
        [calls(ToolCall("explain", {"claims": "all"}))] * 9,
    ],
)
async def test_what_cites_nothing_leaves_the_explanation_by_rules(
    model_server: ModelServer, shop: Path, script: list[Reply]
) -> None:
    model_server.answers(script)
    rehearsal = await explained(shop)
    assert rehearsal.result.metadata["way"] == "rules"
    assert rehearsal.result.metadata["way_reason"]
    assert rehearsal.result.data["explanation"] is None
    assert "gross_price (shop/prices.py:6)" in rehearsal.result.summary


async def test_a_goal_whose_words_are_nowhere_is_said_so(shop: Path) -> None:
    rehearsal = await explained(shop, "Where are the giraffes?")
    assert "No name in it has a word of the goal" in rehearsal.result.summary


class TestWithAModel(AgentContract):
    agent = "code"
    description = "How is the gross price computed?"
    model_script = [claims(("`gross_price` uses `RATE`.", 6, 11))]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def a_repository(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = make_shop(tmp_path_factory.mktemp("shop"))
        cls.parameters = {"path": str(folder), "task": "explain"}
