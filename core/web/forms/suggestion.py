"""Which agent suits what somebody wants done, by the words that describe each."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from perdure.schemas.agents import AgentDescription

_WORD: Final = re.compile(r"\w+")
# As many letters of a word as its other forms begin with: "summarise", "summary", "summaries".
_STEM: Final = 6
# Shorter words, and these, say nothing of what is to be done.
_SHORTEST: Final = 4
_COMMON: Final = frozenset(
    {"does", "from", "have", "should", "that", "this", "what", "which", "with"}
)


def suggested_agent(text: str, agents: Sequence[AgentDescription]) -> AgentDescription | None:
    """Return the agent whose description and examples share most with a text.

    A word that fewer agents have counts more. ``None`` when no word is shared, or when two agents
    suit it alike.
    """
    asked = set(_stems(text))
    words = [Counter(_stems(" ".join(_texts(agent)))) for agent in agents]
    having = Counter(stem for found in words for stem in found)
    scores = [
        sum(math.log(1 + len(agents) / having[stem]) for stem in asked & found.keys())
        for found in words
    ]
    best = sorted(zip(scores, range(len(agents)), strict=True), reverse=True)
    if not best or best[0][0] <= 0 or (len(best) > 1 and best[0][0] == best[1][0]):
        return None
    return agents[best[0][1]]


def _texts(agent: AgentDescription) -> Iterable[str]:
    yield agent.name
    yield agent.description
    yield from agent.examples
    for parameter in agent.parameters:
        yield parameter.description


def _stems(text: str) -> list[str]:
    words = _WORD.findall(text.casefold())
    return [
        word[:_STEM].rstrip("s") for word in words if len(word) >= _SHORTEST and word not in _COMMON
    ]
