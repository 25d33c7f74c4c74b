"""What an agent says of how good its run is."""

import pytest

from perdure.agents import Goal, PermanentError, Run
from perdure.agents.steps.memory import MemoryJournal, MemoryScores
from perdure.models.scores import MAX_SCORES, ScoreContent

GOAL = Goal(goal_id="g", description="d", agent_type="test")


async def test_a_score_is_put_on_once_whatever_is_executed_again() -> None:
    journal, first, second = MemoryJournal(), MemoryScores(), MemoryScores()

    for scores in (first, second):
        run = Run(GOAL, journal, scores=scores)
        await run.score("accuracy", 0.5, "half of it")
        await run.score("accuracy", 0.75)
        await run.score("accuracy", True, step="read#2")
        await run.score("tone", "friendly", comment="it greets")

    assert list(first.scores.values()) == [
        ScoreContent(name="accuracy", value=0.75),
        ScoreContent(name="accuracy", value=True, step="read#2"),
        ScoreContent(name="tone", value="friendly", comment="it greets"),
    ]
    assert second.scores == {}
    assert [key.name for key in journal.steps] == ["score accuracy"] * 3 + ["score tone"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("two words", 1), ("a", float("nan")), ("a", "b" * 65), ("a", None), ("b" * 65, 1)],
)
async def test_what_is_no_score_is_the_agents_mistake(name: str, value: float) -> None:
    journal = MemoryJournal()
    with pytest.raises(PermanentError, match=r"run\.score was given .* does not fit"):
        await Run(GOAL, journal).score(name, value)
    assert journal.steps == {}


async def test_more_scores_than_a_goal_may_have_end_the_goal() -> None:
    run = Run(GOAL)
    for number in range(MAX_SCORES):
        await run.score(f"n{number}", number)
    with pytest.raises(Exception, match="100 scores") as raised:
        await run.score("more", 1)
    assert isinstance(raised.value.__cause__, PermanentError)
