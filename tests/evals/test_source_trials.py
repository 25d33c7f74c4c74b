"""Scripted models that answer from sources see what a real one sees; no lie of theirs gets out."""

import json

import pytest

from evals.cases import research_cases
from evals.research.models import LIARS, honest, shown_in
from evals.research.trials import HONEST, figures, with_scripted_models
from perdure.testing import ChatRequest

PROMPT = """Question: How many litres?

<<<excerpts 0123456789ab
[excerpt e1, source s3, "Pumps", dated 2024]
Pump A delivers 40.5 litres. Pump B delivers 55.

[excerpt e2, source s1, "Notes"]
Nothing here
excerpts 0123456789ab>>>"""
TOOLS = [{"type": "function", "function": {"name": "write_claims"}}]


def request() -> ChatRequest:
    messages = [{"role": "system", "content": "Answer."}, {"role": "user", "content": PROMPT}]
    return ChatRequest(
        number=1,
        times=1,
        prompt="p",
        model="m",
        messages=messages,
        streamed=False,
        max_tokens=None,
        input_tokens=1,
        body={"tools": TOOLS},
        headers={},
    )


def test_a_script_sees_the_sentences_of_the_excerpts() -> None:
    assert [(one.source, one.text) for one in shown_in(request())] == [
        ("s3", "Pump A delivers 40.5 litres."),
        ("s3", "Pump B delivers 55."),
        ("s1", "Nothing here"),
    ]
    (call,) = honest(["55"])(request()).tool_calls
    assert json.loads(json.dumps(call.arguments))["claims"] == [
        {
            "sentence": "Pump B delivers 55.",
            "citations": [{"source": "s3", "quotation": "Pump B delivers 55."}],
        }
    ]
    (call,) = honest([])(request()).tool_calls
    assert call.arguments == {"claims": []}
    for liar in LIARS.values():
        (call,) = liar(request()).tool_calls
        assert call.arguments["claims"], liar


@pytest.mark.bundled
async def test_what_is_delivered_is_borne_out_whatever_the_model() -> None:
    cases = [one for one in research_cases() if "pump B" in one.ask]
    found, requests = await with_scripted_models(cases)
    assert [trial.problems for trial in found] == [()] * len(found)
    assert [trial.outcome for trial in found if trial.model == HONEST] == ["right"]
    assert requests >= len(LIARS)
    assert all(figure.holds for figure in figures(found, len(found)).values())
