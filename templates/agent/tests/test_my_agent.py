"""The contract that every agent keeps, and the results of this one."""

import pytest
from perdure.agents import InputError
from perdure.testing import AgentContract, rehearse

from perdure_my_agent.agent import my_agent


class TestContract(AgentContract):
    """Crashes, retries, cancellation, budgets, bad parameters: see perdure.testing."""

    agent = my_agent
    description = "Which words does this text use most?"
    parameters = {"text": "to be or not to be"}
    bad_parameters = [{"text": "to be", "top": 0}]


async def test_it_names_the_most_frequent_words_first() -> None:
    done = await rehearse(my_agent, "Which words?", {"text": "Two, one, two.", "top": 1})
    assert done.result.summary == "Used most: two"
    assert done.result.data == {"two": 2, "one": 1}


async def test_a_text_without_words_is_refused() -> None:
    with pytest.raises(InputError, match="parameter text"):
        await rehearse(my_agent, "Which words?", {"text": "..."})
