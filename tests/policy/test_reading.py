"""Files of rules that are wrong: each thing is said in a sentence, with its line."""

from pathlib import Path

import pytest

from perdure.policy.errors import PolicyInvalid
from perdure.policy.reading import load_policy, parse_policy

BAD_FILES = {
    "an unknown field": (
        "rules:\n  - name: one\n    when: {tool: x}\n    then: deny\n    resaon: typing\n",
        ["p.yaml, line 5: rule 1, resaon is not known: is it 'reason' that is meant?"],
    ),
    "an unknown condition": (
        "rules:\n  - name: one\n    when:\n      model: x\n    then: deny\n",
        [
            (
                "p.yaml, line 4: rule 1, when.model is not known: known here are agent, tool, step,"
                " parameters, cost, tenant, time"
            )
        ],
    ),
    "an unknown field at the top": (
        "defualt: deny\n",
        ["p.yaml, line 1: defualt is not known: is it 'default' that is meant?"],
    ),
    "an unknown comparison": (
        "rules:\n  - name: one\n    when: {parameters: {amount: {larger: 3}}}\n    then: deny\n",
        [
            (
                "p.yaml, line 3: rule 1, when.parameters.amount.larger is not known: known here are"
                " is, not, over, under, matches"
            )
        ],
    ),
    "no outcome": (
        "default: allow\nrules:\n  - name: one\n    when: {tool: x}\n",
        ["p.yaml, line 3: rule 1 lacks 'then'"],
    ),
    "two fields of one name": (
        "rules:\n  - name: one\n    when: {tool: x}\n    then: allow\n    then: deny\n",
        ["p.yaml, line 5: 'then' is given twice: leave one of them out"],
    ),
    "two rules of one name": (
        (
            "rules:\n"
            "  - {name: one, when: {tool: x}, then: deny}\n"
            "  - {name: one, when: {tool: y}, then: deny}\n"
        ),
        ["p.yaml, line 3: rule 2 is called 'one' as the one in line 2 is: give it another name"],
    ),
    "people for a rule that asks nobody": (
        "rules:\n  - name: one\n    when: {tool: x}\n    then: deny\n    of: [ann]\n",
        ["p.yaml, line 2: rule 1: of belongs to rules with then: ask"],
    ),
    "too few people": (
        "rules:\n  - {name: one, when: {tool: x}, then: ask, of: [ann], needed: 2}\n",
        ["p.yaml, line 2: rule 1: it needs 2 people and names 1: name enough"],
    ),
    "no time that ever comes": (
        "rules:\n  - {name: one, when: {time: {between: '9-17'}}, then: deny}\n",
        [
            (
                "p.yaml, line 2: rule 1, when.time.between: write it as 09:00-17:30, or 18:00-08:00"
                " for a night"
            )
        ],
    ),
    "no time zone": (
        "rules:\n  - {name: one, when: {time: {days: sat, zone: Mars}}, then: deny}\n",
        ["p.yaml, line 2: rule 1, when.time.zone: no such time zone: name one as Europe/Berlin"],
    ),
    "no duration": (
        "rules:\n  - {name: one, when: {tool: x}, then: ask, expires: 90}\n",
        ["p.yaml, line 2: rule 1, expires: write it as 30m, 4h or 2d, as 17:00+01:00, or as"],
    ),
    "a time without its offset": (
        "rules:\n  - {name: one, when: {tool: x}, then: ask, expires: '17:00'}\n",
        ["p.yaml, line 2: rule 1, expires: write it as 30m, 4h or 2d, as 17:00+01:00, or as"],
    ),
    "a day that does not exist": (
        "rules:\n  - {name: one, when: {tool: x}, then: ask, expires: '2030-02-30T10:00:00Z'}\n",
        ["p.yaml, line 2: rule 1, expires: there is no such time: write it as 30m"],
    ),
    "no condition": (
        "rules:\n  - {name: one, when: {}, then: deny}\n",
        [
            (
                "p.yaml, line 2: rule 1, when: a rule without a condition is about everything: say"
                " so with default, or give one of agent, tool, step, parameters, cost, tenant, time"
            )
        ],
    ),
    "an empty list": (
        "rules:\n  - {name: one, when: {agent: []}, then: deny}\n",
        [
            "p.yaml, line 2: rule 1, when.agent: it is empty: give at least one, or leave it out",
        ],
    ),
    "no list": (
        "rules:\n  one: {when: {tool: x}, then: deny}\n",
        ["p.yaml, line 1: rules: input should be a list"],
    ),
    "a list": ("- one\n", ["p.yaml: this is no policy: write default: and rules: into it"]),
    "nothing": ("", ["p.yaml: this is no policy"]),
}


@pytest.mark.parametrize(("text", "problems"), BAD_FILES.values(), ids=BAD_FILES)
def test_what_is_wrong_is_said_with_its_line(text: str, problems: list[str]) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parse_policy(text, source="p.yaml")
    assert len(refused.value.problems) == len(problems)
    for said, expected in zip(refused.value.problems, problems, strict=True):
        assert said.startswith(expected)


def test_everything_that_is_wrong_is_said_at_once_in_order() -> None:
    text = (
        "default: maybe\nrules:\n  - name: one\n    when: {agnet: x}\n    then: deny\n"
        "  - name: two\n    then: perhaps\n"
    )
    with pytest.raises(PolicyInvalid) as refused:
        parse_policy(text, source="p.yaml")
    lines = [problem.partition(":")[0] for problem in refused.value.problems]
    assert lines == ["p.yaml, line 1", "p.yaml, line 4", "p.yaml, line 6", "p.yaml, line 7"]


def test_what_is_no_yaml_is_said_with_its_line() -> None:
    with pytest.raises(PolicyInvalid, match=r"p\.yaml, line 2: this is no YAML"):
        parse_policy("default: deny\n  rules: [", source="p.yaml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid, match=r"none\.yaml cannot be read \(No such file"):
        load_policy(tmp_path / "none.yaml")


def test_rules_that_are_all_commented_out_are_none() -> None:
    assert parse_policy("rules:\n# - name: one\n", source="p.yaml").rules == ()


def test_without_a_file_there_is_no_policy() -> None:
    assert load_policy(None) is None
