"""What rules say of goals, steps and calls of tools."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import JsonValue

from perdure.models import Budget, Goal
from perdure.policy.policy import Policy, Verdict
from perdure.policy.reading import parse_policy
from perdure.policy.subject import Subject

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday


def at(month: int, day: int, hour: int) -> datetime:
    return datetime(2026, month, day, hour, 30, tzinfo=UTC)


def policy(*rules: str, default: str = "allow") -> Policy:
    listed = "\n".join(f"  - {rule}" for rule in rules)
    text = f"default: {default}\nrules:\n{listed}\n" if rules else f"default: {default}\n"
    return parse_policy(text, source="rules.yaml")


def goal(**more: Any) -> Goal:
    fields: dict[str, Any] = {"agent_type": "support", "tenant": "acme"} | more
    return Goal(goal_id="g", description="d", **fields)


def call(tool: str = "refund", **parameters: JsonValue) -> Subject:
    return Subject(goal(), NOON, f"tool {tool}", tool, parameters)


def step(name: str = "search", **parameters: JsonValue) -> Subject:
    return Subject(goal(), NOON, name, None, parameters)


def whole(**more: Any) -> Subject:
    one = goal(**more)
    return Subject(one, NOON, parameters=one.parameters)


def deny(when: str) -> Policy:
    return policy(f"{{name: no, when: {when}, then: deny}}")


def denies(when: str, subject: Subject) -> bool:
    return deny(when).judge(subject).outcome == "deny"


def names(verdict: Verdict) -> list[str]:
    return [rule.name for rule in verdict.rules]


def test_what_no_rule_is_about_is_allowed_unless_the_default_denies() -> None:
    assert policy().judge(call()) == Verdict("allow")
    assert policy(default="deny").judge(call()) == Verdict("deny")
    assert policy().judge(call()).is_by_default


def test_where_rules_disagree_deny_wins_and_ask_comes_before_allow() -> None:
    allow = "{name: yes, when: {tool: refund}, then: allow}"
    ask = "{name: people, when: {tool: refund}, then: ask}"
    no = "{name: no, when: {tool: 'ref*'}, then: deny}"
    for rules in ([allow, ask, no], [no, ask, allow]):
        verdict = policy(*rules).judge(call())
        assert (verdict.outcome, names(verdict)) == ("deny", ["no"])
    verdict = policy(allow, ask).judge(call())
    assert (verdict.outcome, names(verdict)) == ("ask", ["people"])


def test_every_rule_that_asks_is_to_be_asked() -> None:
    rules = ("{name: a, when: {tool: x}, then: ask}", "{name: b, when: {agent: s*}, then: ask}")
    assert names(policy(*rules).judge(call("x"))) == ["a", "b"]


@pytest.mark.parametrize(
    ("when", "subject", "expected"),
    [
        ("{agent: support}", whole(), True),
        ("{agent: [other, 'sup*']}", whole(), True),
        ("{agent: other}", whole(), False),
        ("{tenant: acme}", whole(), True),
        ("{tenant: acme, agent: other}", whole(), False),
        ("{tool: refund}", call(), True),
        ("{tool: refund}", step("refund"), False),
        ("{tool: '*'}", whole(), False),
        ("{step: search}", step(), True),
        ("{step: 'tool refund'}", call(), True),  # a call that is a step
        ("{step: '*'}", whole(), False),
        # About the whole goal, so about each of its steps too.
        ("{agent: support}", step(), True),
        ("{agent: support}", call(), True),
    ],
)
def test_names(when: str, subject: Subject, expected: bool) -> None:
    assert denies(when, subject) is expected


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ("prod", "prod", True),
        ("prod", "PROD", True),  # a model must not get past with another case
        ("prod", "production", False),
        ("'prod*'", "production", True),
        ("[prod, staging]", "staging", True),
        ("[prod, staging]", "test", False),
        ("5", 5, True),
        ("5", "5", True),
        ("5", True, False),
        ("true", True, True),
        ("true", "True", True),
        ("true", 1, False),
        ("null", None, True),
        ("no", "NO", True),  # Norway, and no boolean
        ("[on, yes, 010, 12:30, 2026-03-02]", "010", True),
        ("[on, yes, 010, 12:30, 2026-03-02]", "12:30", True),
        ("[on, yes, 010, 12:30, 2026-03-02]", "2026-03-02", True),
        ("1.5", "1.50", True),
        ("{over: 1e3}", 1001, True),
        ("{over: 100}", 101, True),
        ("{over: 100}", 100, False),
        ("{over: 100}", "250", True),
        ("{over: 100}", "a thousand", True),  # what cannot be compared is no way past a rule
        ("{over: 100, under: 200}", 150, True),
        ("{over: 100, under: 200}", 200, False),
        ("{matches: '^/etc/'}", "/etc/passwd", True),
        ("{matches: '^/etc/'}", "/home/etc/", False),
        ("{not: [staging]}", "prod", True),
        ("{not: [staging]}", "staging", False),
        ("{is: prod}", ["test", "prod"], True),  # of a list any item
        ("{over: 3}", [1, 2], False),
    ],
)
def test_values(condition: str, value: JsonValue, expected: bool) -> None:
    when = f"{{tool: refund, parameters: {{x: {condition}}}}}"
    assert denies(when, call(x=value)) is expected


def test_what_cannot_be_compared_is_not_allowed_by_a_rule() -> None:
    rule = "{name: small, when: {tool: refund, parameters: {x: {under: 9}}}, then: allow}"
    assert policy(rule, default="deny").judge(call(x=5)).outcome == "allow"
    assert policy(rule, default="deny").judge(call(x="a few")).outcome == "deny"


def test_a_parameter_that_is_missing_fits_nothing_but_not() -> None:
    assert not denies("{tool: refund, parameters: {x: '*'}}", call())
    assert denies("{tool: refund, parameters: {x: {not: staging}}}", call())


def test_parameters_within_parameters() -> None:
    nested: JsonValue = {"to": [{"country": "NO"}, {"country": "SE"}]}
    assert denies("{tool: refund, parameters: {bank.to.country: SE}}", call(bank=nested))
    assert not denies("{tool: refund, parameters: {bank.to.country: DK}}", call(bank=nested))
    assert denies(
        "{tool: refund, parameters: {a.b: 1}}",
        Subject(goal(), NOON, "tool refund", "refund", {"a.b": 1}),
    )


def test_parameters_are_the_goals_where_no_tool_and_no_step_is_named() -> None:
    about_goal = "{agent: support, parameters: {region: EU}}"
    assert denies(about_goal, whole(parameters={"region": "EU"}))
    within = Subject(goal(parameters={"region": "EU"}), NOON, "search", None, {})
    assert denies(about_goal, within)
    assert not denies(about_goal, step(region="EU"))


def test_an_allowed_goal_is_not_every_step_of_it_allowed() -> None:
    rule = "{name: begin, when: {agent: support}, then: allow}"
    strict = policy(rule, default="deny")
    assert strict.judge(whole()).outcome == "allow"
    assert strict.judge(step()).outcome == "deny"
    steps = "{name: steps, when: {agent: support, step: '*'}, then: allow}"
    assert policy(rule, steps, default="deny").judge(call()).outcome == "allow"


@pytest.mark.parametrize(
    ("moment", "time", "expected"),
    [
        (NOON, "{between: '09:00-17:00'}", True),
        (NOON, "{between: '12:00-13:00'}", True),
        (NOON, "{between: '11:00-12:00'}", False),
        (NOON, "{between: '18:00-08:00'}", False),
        (NOON.replace(hour=23), "{between: '18:00-08:00'}", True),
        (NOON.replace(hour=7), "{between: '18:00-08:00'}", True),
        (NOON.replace(hour=17), "{between: '18:00-08:00', zone: Europe/Berlin}", True),
        (NOON, "{days: mon}", True),
        (NOON, "{days: [sat, sun]}", False),
        (NOON.replace(day=1, hour=23, minute=30), "{days: mon, zone: Europe/Berlin}", True),
        # The hour that does not exist, and the one that comes twice.
        (at(3, 29, 1), "{between: '03:00-04:00', zone: Europe/Berlin}", True),
        (at(10, 25, 0), "{between: '02:00-03:00', zone: Europe/Berlin}", True),
        (at(10, 25, 1), "{between: '02:00-03:00', zone: Europe/Berlin}", True),
    ],
)  # fmt: skip
def test_times(moment: datetime, time: str, expected: bool) -> None:
    assert denies(f"{{time: {time}}}", Subject(goal(), moment)) is expected


def test_costs() -> None:
    spent = Subject(goal(), NOON, "search", None, {}, 2.5)
    assert denies("{cost: {spent_over: 2}}", spent)
    assert not denies("{cost: {spent_over: 2.5}}", spent)
    assert denies("{cost: {budget_over: 10}}", whole())  # nothing limits it
    assert denies("{cost: {budget_over: 10}}", whole(budget=Budget(cost=11)))
    assert not denies("{cost: {budget_over: 10}}", whole(budget=Budget(cost=10)))
    assert deny("{cost: {spent_over: 2}}").looks_at_spending
    assert not deny("{cost: {budget_over: 2}}").looks_at_spending
