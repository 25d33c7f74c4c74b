"""Rules that can never match, or never change anything."""

from typing import Any

from perdure.policy.checking import findings
from perdure.policy.reading import parse_policy

AGENTS: dict[str, dict[str, Any] | None] = {
    "support": {"properties": {"region": {}}, "additionalProperties": False},
    "research": None,
}


def found(*rules: str, default: str = "allow") -> dict[str, str]:
    listed = "".join(f"  - {rule}\n" for rule in rules)
    policy = parse_policy(f"default: {default}\nrules:\n{listed}", source="p.yaml")
    return {finding.rule: finding.sentence for finding in findings(policy, AGENTS)}


def test_an_agent_that_is_not_installed_is_named() -> None:
    rules = (
        "{name: a, when: {agent: suport}, then: deny}",
        "{name: b, when: {agent: 'sup*'}, then: deny}",
        "{name: c, when: {agent: [support, nobody]}, then: deny}",
    )
    assert {name: "called" in said for name, said in found(*rules).items()} == {
        "a": True,
        "c": True,
    }
    assert "'suport'" in found(*rules)["a"]


def test_a_question_whose_time_is_over_is_named_and_the_file_is_read_all_the_same() -> None:
    rules = (
        "{name: a, when: {tool: x}, then: ask, expires: '2020-01-01T00:00:00Z'}",
        "{name: b, when: {tool: y}, then: ask, expires: '2999-01-01T00:00:00Z'}",
        "{name: c, when: {tool: z}, then: ask, expires: '17:00+01:00'}",
    )
    said = found(*rules)
    assert set(said) == {"a"}
    assert "until 2020-01-01T00:00:00+00:00, which is over, so that it denies" in said["a"]


def test_what_contradicts_itself_is_named() -> None:
    rules = (
        "{name: a, when: {tool: x, parameters: {n: {over: 5, under: 5}}}, then: deny}",
        "{name: b, when: {tool: x, step: search}, then: deny}",
        "{name: c, when: {tool: x, step: 'tool x'}, then: deny}",
    )
    said = found(*rules)
    assert set(said) == {"a", "b"}
    assert "over 5 and under 5" in said["a"]


def test_a_parameter_that_no_agent_takes_is_named() -> None:
    rules = (
        "{name: a, when: {agent: support, parameters: {regoin: EU}}, then: deny}",
        "{name: b, when: {agent: support, parameters: {region.name: EU}}, then: deny}",
        "{name: c, when: {agent: research, parameters: {anything: EU}}, then: deny}",
        "{name: d, when: {agent: support, tool: x, parameters: {regoin: EU}}, then: deny}",
    )
    assert set(found(*rules)) == {"a"}


def test_an_allow_that_changes_nothing_is_named() -> None:
    rule = "{name: a, when: {tool: x}, then: allow}"
    assert set(found(rule)) == {"a"}
    assert found(rule, default="deny") == {}
