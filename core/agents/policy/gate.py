"""What the policy says of what a run is about to do: nothing gets past it but what is allowed.

A decision of a rule is journaled, so that a later execution neither decides again nor asks again.
What was denied was never begun: when its goal is retried, it is judged by the rules of that time.
"""

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from perdure.agents.events.step_events import StepEvents
from perdure.agents.steps.encoding import digest_of, to_json
from perdure.agents.steps.errors import (
    PermanentError,
    PolicyDenied,
    StepFailed,
    failed_step,
    failure_from,
)
from perdure.agents.steps.journal import ApprovalRequest, Ledger, StepOutcome
from perdure.agents.steps.keys import POLICY_APPROVAL, POLICY_DECISION, StepKey, named_step
from perdure.agents.steps.steps import STEP_NAME_CHARACTERS, Steps, current_step
from perdure.models import Decision, Goal
from perdure.policy.expiry import time_left
from perdure.policy.subject import Subject

if TYPE_CHECKING:
    from perdure.policy.policy import Policy, PolicyInForce
    from perdure.policy.rules import Rule

_Data = Mapping[str, JsonValue]
_GOAL: Final = "goal"
_NOTHING: Final = timedelta(0)


class PolicyGate:
    """Judges the goal of a run, its steps and its models' calls of tools before they begin.

    Attributes:
        is_open: Whether there is no policy.
    """

    def __init__(
        self,
        policy: "PolicyInForce | None",
        goal: Goal,
        steps: Steps,
        events: StepEvents,
        ledger: Ledger,
    ) -> None:
        """Bind a policy to a run.

        Args:
            policy: The policy, whose rules of the moment are asked each time; ``None`` where there
                is none.
            goal: The run's goal.
            steps: Its steps.
            events: Takes the decisions.
            ledger: What it has spent.
        """
        self.is_open = policy is None
        self._policy = policy
        self._goal = goal
        self._steps = steps
        self._events = events
        self._ledger = ledger

    async def admit_goal(self) -> None:
        """Judge the goal, before its agent begins.

        Raises:
            PolicyDenied: A rule denies it, or somebody who was asked has said no.
            RunClosed: Somebody is asked, and the run waits.
        """
        if self._policy is None:
            return
        policy = self._policy.current()
        subject = await self._subject(policy, parameters=self._goal.parameters)
        denied = await self._judge(policy, subject, _GOAL, {})
        if denied is not None:
            raise denied

    async def refusal(
        self, key: StepKey, parameters: Mapping[str, JsonValue], tool: str | None = None
    ) -> PolicyDenied | None:
        """Judge a step that is about to begin; it waits where somebody is to be asked.

        Args:
            key: The step.
            parameters: What it is given, by name.
            tool: The tool of whose call it is.

        Returns:
            Why it must not begin; ``None`` when it may.
        """
        if self._policy is None:
            return None
        policy = self._policy.current()
        subject = await self._subject(policy, step=key.name, tool=tool, parameters=parameters)
        identity: JsonValue = [key.name, key.digest, key.occurrence]
        return await self._judge(policy, subject, identity, named_step(key))

    async def admit_call(self, tool: str, arguments: object, identity: JsonValue) -> None:
        """Judge a call of a tool that is not a step, before whoever makes it gets to know of it.

        Args:
            tool: The tool's name.
            arguments: Its arguments.
            identity: What makes it the same call in every execution.

        Raises:
            StepFailed: It is denied; a :class:`PolicyDenied` too, in later executions as well.
        """
        digest = digest_of(["call", tool, identity], what=f"a call of the tool {tool!r}")
        key = StepKey(f"tool {tool}"[:STEP_NAME_CHARACTERS], digest, 0)
        recorded = await self._steps.recorded_outcome(key)
        if recorded is not None:
            if recorded.failure is not None:
                raise failed_step(key, recorded.failure)
            return
        if self._policy is None:
            return
        denied = await self.refusal(key, tool_parameters(arguments), tool)
        if denied is not None:
            raise await self.deny(key, denied) from denied
        # What a library does with a response that it is given again must be the same.
        decision = _decision_key("decided", [key.name, key.digest, key.occurrence])
        if not await self._steps.is_decided(decision):
            await self._steps.record_decision(decision, None)

    async def deny(self, key: StepKey, denied: PolicyDenied) -> StepFailed:
        """Journal that a step was denied, and return the error that stands for it."""
        failure = failure_from(denied)
        await self._steps.record(key, StepOutcome("", failure))
        return failed_step(key, failure)

    async def _subject(
        self,
        policy: "Policy",
        *,
        step: str | None = None,
        tool: str | None = None,
        parameters: Mapping[str, JsonValue],
    ) -> Subject:
        spent = await self._ledger.spent_cost() if policy.looks_at_spending else 0.0
        return Subject(self._goal, datetime.now(UTC), step, tool, parameters, spent)

    async def _judge(
        self, policy: "Policy", subject: Subject, identity: JsonValue, step: _Data
    ) -> PolicyDenied | None:
        decision = _decision_key("decided", identity)
        if await self._steps.is_decided(decision):
            return None
        verdict = policy.judge(subject)
        if verdict.is_by_default and verdict.outcome == "allow":
            return None
        about = {**step, **_about(subject, policy)}
        if verdict.outcome == "deny":
            rule = verdict.rules[0] if verdict.rules else None
            return await self._denied(about, rule, _denial(subject, policy, rule))
        asked = [rule for rule in verdict.rules if rule.then == "ask"]
        if asked and all(rule.is_about_goals for rule in asked):
            # One yes holds for the whole goal, within its steps too, and is on the record once.
            decision = _decision_key("decided", [_terms(rule, _GOAL) for rule in asked])
            if await self._steps.is_decided(decision):
                return None
        for rule in asked:
            refused = await self._ask(rule, subject, identity, about)
            if refused is not None:
                return await self._denied(about, rule, refused)
        names = ", ".join(rule.name for rule in verdict.rules)
        await self._record(decision, {**about, "rule": names, "outcome": "allow"})
        return None

    async def _ask(
        self, rule: "Rule", subject: Subject, identity: JsonValue, about: _Data
    ) -> str | None:
        """Ask people as a rule says, and return why it is no; ``None`` when it is yes."""
        if rule.is_about_goals:
            subject = replace(subject, step=None, tool=None, parameters=self._goal.parameters)
        inner = current_step.get()
        if inner is not None:
            return (
                f"rule {rule.name!r} asks people whether {subject.sentence}, and within the step"
                f" {inner.name!r} nobody can be waited for: have the rule name that step"
            )
        terms = _terms(rule, _GOAL if rule.is_about_goals else identity)
        question_asked = _decision_key("asked", terms)
        left = None if rule.expires is None else time_left(rule.expires, subject.at)
        is_over = left is not None and left <= _NOTHING
        if is_over and not await self._steps.is_decided(question_asked):
            return _too_late(rule, subject)
        asked: dict[str, JsonValue] = {"of": [*rule.of], "needed": rule.needed}
        if left is not None:
            asked["expires_seconds"] = left.total_seconds()
        await self._record(question_asked, {**about, "rule": rule.name, "outcome": "ask", **asked})
        shown: dict[str, JsonValue] = {"rule": rule.name, "parameters": dict(subject.parameters)}
        if rule.reason:
            shown["reason"] = rule.reason
        question = f"{_capital(subject.sentence)}: may it?"
        # One that is open keeps the time that it was asked with.
        request = ApprovalRequest(question, shown, left, rule.of, rule.needed)
        key = StepKey(POLICY_APPROVAL, digest_of(terms, what="a question of the policy"), 0)
        outcome = await self._steps.wait(key, request)
        decision = Decision.model_validate_json(outcome.value or "null")
        return None if decision else _refusal(rule, subject, decision)

    async def _record(self, key: StepKey, data: _Data) -> None:
        if not await self._steps.is_decided(key):
            await self._steps.record_decision(key, data)

    async def _denied(self, about: _Data, rule: "Rule | None", sentence: str) -> PolicyDenied:
        data: dict[str, JsonValue] = {
            **about, "rule": None if rule is None else rule.name, "outcome": "deny",
        }  # fmt: skip
        if rule is not None and rule.reason:
            data["reason"] = rule.reason
        await self._events.emit_event("policy.decided", data)
        return PolicyDenied(sentence)


def denial_of_goal(policy: "Policy", goal: Goal) -> PolicyDenied | None:
    """Return why a goal may not be handed in; ``None`` when it may, or somebody is to be asked."""
    subject = Subject(goal, datetime.now(UTC), parameters=goal.parameters)
    verdict = policy.judge(subject)
    if verdict.outcome != "deny":
        return None
    return PolicyDenied(_denial(subject, policy, verdict.rules[0] if verdict.rules else None))


def tool_parameters(arguments: object) -> Mapping[str, JsonValue]:
    """Return the arguments of a tool's call by name; one that has no name is ``input``."""
    plain = to_json(arguments, what="the arguments of a tool")
    return plain if isinstance(plain, dict) else {"input": plain}


def step_parameters(
    function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> Mapping[str, JsonValue]:
    """Return the arguments of a step by the names that its function gives them.

    Those that :func:`functools.partial` has bound count too, as far as they have a JSON form.
    """
    while isinstance(function, partial):
        args, kwargs = (*function.args, *args), {**function.keywords, **kwargs}
        function = function.func
    plain: dict[str, JsonValue] = {}
    for name, value in _named_arguments(function, args, kwargs).items():
        with suppress(PermanentError):
            plain[name] = to_json(value, what=f"the argument {name!r}")
    return plain


def _named_arguments(
    function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> Mapping[str, object]:
    try:
        signature = inspect.signature(function)
        bound = signature.bind_partial(*args, **kwargs)
    except (TypeError, ValueError):  # a function without a signature, or that they do not fit
        return {str(number): value for number, value in enumerate(args)} | dict(kwargs)
    bound.apply_defaults()
    named = dict(bound.arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            named |= named.pop(name)
    return named


def _decision_key(kind: str, identity: JsonValue) -> StepKey:
    return StepKey(POLICY_DECISION, digest_of([kind, identity], what="a decision"), 0)


def _terms(rule: "Rule", whose: JsonValue) -> JsonValue:
    """Return what makes a question the same: an answer holds for no other people, and no fewer."""
    return [rule.name, whose, [*rule.of], rule.needed]


def _about(subject: Subject, policy: "Policy") -> dict[str, JsonValue]:
    return {
        "kind": subject.kind,
        "name": subject.name,
        "agent": subject.goal.agent_type,
        "parameters_digest": digest_of(subject.parameters, what="parameters"),
        "policy_digest": policy.digest,
    }


def _denial(subject: Subject, policy: "Policy", rule: "Rule | None") -> str:
    if rule is None:
        return (
            f"{subject.sentence}: no rule of {policy.source} allows that, and its default is deny:"
            " do without it, or have a rule allow it"
        )
    reason = f" ({rule.reason})" if rule.reason else ""
    return (
        f"{subject.sentence}: rule {rule.name!r} denies that{reason}: do without it, or have the"
        " rule changed"
    )


def _too_late(rule: "Rule", subject: Subject) -> str:
    assert isinstance(rule.expires, datetime)  # the others are always to come
    return (
        f"{subject.sentence}: rule {rule.name!r} asks people about that, and until"
        f" {rule.expires.isoformat()} only: have its time changed"
    )


def _refusal(rule: "Rule", subject: Subject, decision: Decision) -> str:
    asked = f"{subject.sentence}: rule {rule.name!r} asks people about that"
    if decision.expired:
        return f"{asked}, and nobody has said yes in time: hand the goal in again"
    no = next((vote for vote in decision.votes if not vote.approved), None)
    by = "somebody" if no is None else no.by
    reason = f" ({no.reason})" if no is not None and no.reason else ""
    return f"{asked}, and {by} has said no{reason}: do without it"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
