"""Rules of a valid policy that can never match, change anything, or ask anybody any more."""

from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from perdure.policy.expiry import expiry_text, time_left
from perdure.policy.policy import Policy
from perdure.policy.rules import Rule, ValueCondition


class Finding(NamedTuple):
    """Something about a rule that is surely not meant.

    Attributes:
        rule: Its name.
        sentence: What is wrong, and what to do.
    """

    rule: str
    sentence: str


def findings(policy: Policy, agents: Mapping[str, Mapping[str, Any] | None]) -> list[Finding]:
    """Return which rules can never match, or never decide, or ask nobody any more.

    Args:
        policy: The policy.
        agents: The JSON schema of the parameters of each installed agent, by its name; ``None``
            for one that has none.
    """
    found: list[Finding] = []
    for rule in policy.rules:
        sentences = [*_unknown_agents(rule, agents), *_contradictions(rule), *_too_late(rule)]
        if not sentences:
            sentences = [*_unknown_parameters(rule, agents), *_without_effect(rule, policy)]
        found += [Finding(rule.name, sentence) for sentence in sentences]
    return found


def _unknown_agents(rule: Rule, agents: Mapping[str, object]) -> list[str]:
    return [
        f"no agent that is installed here is called {pattern!r}: perdure agents lists them"
        for pattern in rule.when.agent or ()
        if not any(fnmatchcase(agent, pattern) for agent in agents)
    ]


def _contradictions(rule: Rule) -> list[str]:
    found = [
        f"{name} cannot be over {condition.over:g} and under {condition.under:g}: it never matches"
        for name, condition in (rule.when.parameters or {}).items()
        if _is_empty(condition)
    ]
    names = rule.when.tool
    if names and rule.when.step and not _may_be_both(names, rule.when.step):
        found.append(
            "the step of a tool's call is called after the tool, such as 'tool search', which its"
            " step names exclude: leave out step"
        )
    return found


def _too_late(rule: Rule) -> list[str]:
    # No reason to refuse the file: a worker that starts again after that time would not.
    now = datetime.now(UTC)
    if rule.expires is None or time_left(rule.expires, now).total_seconds() > 0:
        return []
    return [
        (
            f"people could answer {expiry_text(rule.expires)}, which is over, so that it denies:"
            " give a later time"
        )
    ]


def _is_empty(condition: ValueCondition) -> bool:
    over, under = condition.over, condition.under
    return over is not None and under is not None and over >= under


def _may_be_both(tools: tuple[str, ...], steps: tuple[str, ...]) -> bool:
    has_wildcard = any("*" in name or "?" in name or "[" in name for name in (*tools, *steps))
    return has_wildcard or bool({f"tool {tool}" for tool in tools} & set(steps))


def _unknown_parameters(rule: Rule, agents: Mapping[str, Mapping[str, Any] | None]) -> list[str]:
    """Return what a rule about goals says of parameters that none of its agents takes."""
    if not rule.is_about_goals or not rule.when.parameters:
        return []
    patterns = rule.when.agent or ("*",)
    schemas = [
        schema
        for agent, schema in agents.items()
        if any(fnmatchcase(agent, pattern) for pattern in patterns)
    ]
    if not schemas or any(schema is None for schema in schemas):
        return []
    return [
        f"none of its agents takes a parameter {name!r}: perdure agents NAME lists them; of a"
        " tool's or a step's arguments a rule speaks that names the tool or the step"
        for name, condition in rule.when.parameters.items()
        if condition.not_ is None and not any(_takes(schema or {}, name) for schema in schemas)
    ]


def _takes(schema: Mapping[str, Any], name: str) -> bool:
    properties = schema.get("properties", {})
    takes_others = schema.get("additionalProperties", False) is not False
    return takes_others or name in properties or name.partition(".")[0] in properties


def _without_effect(rule: Rule, policy: Policy) -> list[str]:
    if rule.then == "allow" and policy.default == "allow":
        sentence = (
            "it allows what the default allows, and where rules disagree deny and ask win: it only"
            " puts on the record what it is about; leave it out, or set default: deny"
        )
        return [sentence]
    return []
