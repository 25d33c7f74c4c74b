"""Scores of runs."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.run_closed import Fenced
from perdure.models import Goal, GoalStatus, ScoreContent
from perdure.models.scores import MAX_SCORES
from perdure.stores import Stores, UnknownGoal
from perdure.stores.database.fencing import Claim
from perdure.stores.runs.scores import TooManyScores
from perdure.telemetry.metrics import recording
from perdure.telemetry.metrics.instruments import Instruments

GOOD = ScoreContent(name="accuracy", value=0.75, comment="three of four figures hold")


async def test_a_run_has_what_people_programs_and_its_agent_say_of_it(
    stores: Stores, run: str, claim: Claim
) -> None:
    await stores.scores.writer(claim).write(GOOD)
    await stores.scores.give(run, ScoreContent(name="accuracy", value=1), "nightly")
    await stores.scores.give(run, ScoreContent(name="tone", value="friendly"), "ann")
    about = ScoreContent(name="read", value=False, step="read#2", comment="half\0 the page")
    await stores.scores.give(run, about, "ann")

    scores = await stores.scores.of(run)

    assert [(one.name, one.value, one.by, one.by_agent, one.step) for one in scores] == [
        ("accuracy", 0.75, "analysis", True, None),
        ("accuracy", 1.0, "nightly", False, None),
        ("read", False, "ann", False, "read#2"),
        ("tone", "friendly", "ann", False, None),
    ]
    assert [type(one.value) for one in scores] == [float, float, bool, str]
    assert scores[2].comment == "half\ufffd the page"
    assert (await stores.goals.get(run)).scores == scores


async def test_the_same_scorer_replaces_its_score_and_nobody_elses(
    stores: Stores, run: str
) -> None:
    await stores.scores.give(run, GOOD, "ann")
    await stores.scores.give(run, GOOD, "bob")
    await stores.scores.give(run, GOOD.model_copy(update={"step": "read"}), "ann")
    better = ScoreContent(name="accuracy", value=True)
    await stores.scores.give(run, better, "ann")

    scores = await stores.scores.of(run)

    assert [(one.by, one.step, one.value, one.comment) for one in scores] == [
        ("ann", None, True, ""),
        ("bob", None, 0.75, GOOD.comment),
        ("ann", "read", 0.75, GOOD.comment),
    ]


async def test_what_is_said_twice_is_counted_once(
    stores: Stores, run: str, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Instruments()
    monkeypatch.setattr(recording._process, "instruments", own)
    writer = stores.scores.writer(claim)

    for _ in range(3):  # as after a crash between the score and the journal
        await writer.write(GOOD)
    first = await stores.scores.give(run, GOOD, "ann")
    assert await stores.scores.give(run, GOOD, "ann") == first
    await stores.scores.give(run, ScoreContent(name="gain", value=-2), "ann")
    await stores.scores.give(run, ScoreContent(name="tone", value="friendly"), "ann")

    samples = {
        (sample.name, *(value for _, value in sample.labels)): sample.value
        for family in own.families()
        for sample in family.samples
    }
    assert samples["perdure_scores_total", "default"] == 4
    assert samples["perdure_score_count", "accuracy"] == 2
    assert samples["perdure_score_sum", "accuracy"] == 1.5
    assert samples["perdure_score_sum", "gain"] == -2
    assert ("perdure_score_count", "tone") not in samples


async def test_an_execution_that_lost_its_claim_scores_nothing(
    stores: Stores, run: str, claim: Claim, start_execution: Callable[..., Awaitable[Claim]]
) -> None:
    later = await start_execution(run, sequence=2)
    with pytest.raises(Fenced):
        await stores.scores.writer(claim).write(GOOD)
    await stores.results.store(run, GoalStatus.COMPLETED, None, 1.0)
    with pytest.raises(Fenced):
        await stores.scores.writer(later).write(GOOD)

    await stores.scores.give(run, GOOD, "ann")  # what people say, they say later

    assert [one.by for one in await stores.scores.of(run)] == ["ann"]


async def test_a_run_has_so_many_scores_at_most(stores: Stores, run: str, claim: Claim) -> None:
    for number in range(MAX_SCORES - 2):
        await stores.scores.give(run, ScoreContent(name=f"n{number}", value=number), "ann")
    more = [ScoreContent(name=f"more{number}", value=1) for number in range(6)]
    outcomes = await asyncio.gather(
        *(stores.scores.give(run, one, "ann") for one in more), return_exceptions=True
    )

    assert sum(isinstance(one, TooManyScores) for one in outcomes) == 4
    assert len(await stores.scores.of(run)) == MAX_SCORES
    with pytest.raises(PermanentError, match="has 100 scores"):
        await stores.scores.writer(claim).write(GOOD)
    again = await stores.scores.give(run, ScoreContent(name="n1", value=7), "ann")
    assert again.value == 7


async def test_another_tenants_run_is_unknown(stores: Stores) -> None:
    goal = Goal(goal_id="theirs", description="d", agent_type="code", tenant="acme")
    await stores.goals.create(goal, "theirs", datetime.now(UTC))
    others = stores.of("other")

    for asked in (
        others.scores.give("theirs", GOOD, "ann"),
        others.scores.of("theirs"),
        stores.scores.give("nowhere", GOOD, "ann"),
    ):
        with pytest.raises(UnknownGoal):
            await asked
    assert await stores.of("acme").scores.of("theirs") == ()


@pytest.mark.parametrize(
    "given",
    [
        {"name": ""},
        {"name": "two words"},
        {"name": "a" * 65},
        {"name": "-a"},
        {"name": "a\n"},
        {"value": float("nan")},
        {"value": float("inf")},
        {"value": 10**400},
        {"value": None},
        {"value": ""},
        {"value": "a\nb"},
        {"value": "a" * 65},
        {"value": [1]},
        {"value": "half \ud800"},
        {"comment": "a" * 2_001},
        {"comment": "half \ud800"},
        {"step": ""},
        {"by": "me"},
    ],
)
def test_what_is_no_score_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ScoreContent.model_validate({"name": "accuracy", "value": 1.0, **given})
