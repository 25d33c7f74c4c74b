"""The agent and its parameters."""

from collections import Counter

from perdure.agents import Goal, InputError, Result, Run, agent
from pydantic import BaseModel, Field


class Parameters(BaseModel):
    """The agent's parameters; checked before it starts, and listed by ``--help``."""

    text: str = Field(description="The text whose words are counted.")
    top: int = Field(3, ge=1, description="How many of its words to name.")


def count_words(text: str) -> dict[str, int]:
    """Return how often each word occurs, the most frequent first."""
    words = (word.strip(".,;:!?()\"'").lower() for word in text.split())
    return dict(Counter(filter(None, words)).most_common())


@agent(examples=("Which words does this text use most?",))
async def my_agent(run: Run, goal: Goal, parameters: Parameters) -> Result:
    """Finds the words that a text uses most."""
    await run.progress(10, "counting words")
    # A step is journaled: after a crash the agent runs again from its first line, and a finished
    # step returns its result at once. Whatever costs or changes something belongs in one.
    counts = await run.step("count words", count_words, parameters.text)
    if not counts:
        raise InputError("the text has no words: give some in the parameter text")
    await run.progress(90, f"{len(counts)} different words")
    words = list(counts)[: parameters.top]
    return Result(summary=f"Used most: {', '.join(words)}", data={**counts})
