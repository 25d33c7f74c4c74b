"""The clauses of the contract: what every agent keeps, each shown by breaking in on it."""

import json
from itertools import pairwise
from typing import Final

from perdure.agents import execution
from perdure.agents.execution import clean_up
from perdure.agents.factory import create_agent
from perdure.agents.parameters import ParametersRefused
from perdure.agents.steps.errors import OutcomeUnknown, failure_from
from perdure.agents.steps.journal import StepKey
from perdure.agents.steps.memory import MemoryJournal
from perdure.models import FailureKind, Result
from perdure.testing.contracts.broken import BrokenContract
from perdure.testing.contracts.comparing import (
    changed,
    first_line,
    named,
    plain,
    result_of,
    unsafe,
    words_of,
)
from perdure.testing.contracts.trial import Case, Pass, Plan, Trial, on_trial
from perdure.testing.contracts.watching import Moment
from perdure.testing.contracts.wrong_parameters import wrong_parameters
from perdure.testing.rehearsal import answering

_MOMENTS: Final[dict[Moment, str]] = {
    "behind": "right after step {name!r} was recorded",
    "before": "after step {name!r} had done its work and before that was recorded",
}


async def reference(trial: Trial) -> Pass:
    """Return an unbroken pass, which has to reach a result.

    Raises:
        BrokenContract: It did not.
    """
    try:
        made = await trial.make()
    except ParametersRefused as refused:
        raise BrokenContract(
            f"the contract's own parameters are refused, so give it parameters that fit: {refused}"
        ) from None
    if made.how == "suspended":
        missing = ", ".join(answering(wanted).replace("=", " = ", 1) for wanted in made.unanswered)
        raise BrokenContract(f"the agent waits, and nobody answers: set {missing} in the contract")
    if made.result is None or made.how != "completed":
        raise BrokenContract(
            f"the agent ended with {named(made.error)} instead of a result: give the contract a"
            " description and parameters that it can work with, or repair it"
        ) from made.error
    return made


def progress_grows(made: Pass) -> None:
    """It tells how far it has come, and never goes back."""
    told = [progress.percentage for progress in made.progress]
    if not told:
        raise BrokenContract(
            'the agent tells no progress: await run.progress(50, "…"), or yield Progress(…),'
            " between its steps"
        )
    for earlier, later in pairwise(told):
        if later < earlier:
            raise BrokenContract(
                f"progress goes back from {earlier:g} to {later:g} %: tell percentages that only"
                " grow, counted over the whole of the work"
            )


def result_survives_json(made: Pass, case: Case) -> None:
    """Its result is the same after a way through JSON, and says which agent made it."""
    result = result_of(made)
    try:
        text = result.model_dump_json()
        read = Result.model_validate_json(text)
    except ValueError as error:
        raise BrokenContract(
            f"the result cannot be written as JSON and read again ({first_line(error)}): put plain"
            ' data into Result.data and Result.metadata, such as model_dump(mode="json") of a'
            " Pydantic model"
        ) from None
    if read != result or json.loads(text) != json.loads(read.model_dump_json()):
        place = changed(result.model_dump(), read.model_dump())
        raise BrokenContract(
            f"the result comes back changed from JSON at {place}: put plain data there (no NaN, no"
            " tuples, no keys but texts)"
        )
    if read.metadata.get("agent_type") != case.spec.name:
        raise BrokenContract(
            f"the result's metadata says agent_type {read.metadata.get('agent_type')!r} and not"
            f" {case.spec.name!r}: leave that field to the core"
        )


def artifact_names_are_safe(made: Pass) -> None:
    """Its files have names that stay within a folder on every system, and are there."""
    for artifact in result_of(made).artifacts:
        why = unsafe(artifact.name)
        if why:
            raise BrokenContract(
                f"artifact name {artifact.name!r} {why}: give a relative path of plain names, such"
                " as 'charts/sales.svg'"
            )
        if artifact.name not in made.files:
            raise BrokenContract(
                f"the result lists artifact {artifact.name!r}, which was never stored: make it with"
                " await run.artifact(…) and do not build Artifact yourself"
            )


async def every_step_is_found_again(trial: Trial, first: Pass) -> None:
    """With a full journal it does nothing anew, asks for all that is in it, and ends the same."""
    asked = trial.requests
    again = await trial.make(_copy(first.journal.kept))
    if again.journal.begun:
        raise BrokenContract(_asked_anew(first, again))
    if again.how != "completed":
        raise BrokenContract(
            f"with every step answered from the journal the agent ended with {named(again.error)}:"
            " let nothing that comes later depend on what happens inside a step but by the value"
            " that the step returns"
        ) from again.error
    _see_that_none_is_orphaned(first.journal.kept, again)
    if plain(again) != plain(first):
        place = changed(plain(first), plain(again))
        raise BrokenContract(
            f"with every step answered from the journal the result differs at {place}: build it"
            " from what the steps return, and take time, chance and names from run.now, run.random"
            " and run.uuid"
        )
    if trial.requests > asked:
        raise BrokenContract(
            "the agent asks its model again although every step is in the journal: ask it through"
            " run.model, or inside a step"
        )


async def it_goes_on_elsewhere(trial: Trial, journal: MemoryJournal) -> None:
    """With the journal of another process it does nothing anew."""
    made = await trial.make(_copy(journal))
    if made.journal.begun:
        anew = made.journal.begun[0]
        raise BrokenContract(
            f"step {anew.name!r} is not found again in another process, where it is asked for with"
            f" {made.steps.given.get(anew, 'another input')}: sort what has no order, and let no"
            " hash(), id() or memory address come into a step's input"
        )


async def it_goes_on_after_kills(trial: Trial, first: Pass, moment: Moment) -> None:
    """Killed at each of its steps in turn, it goes on, repeats only what was in doubt, and ends."""
    journal, killed = MemoryJournal(), set[StepKey]()
    in_doubt_once = set[StepKey]()
    last = ""

    def killed_at(key: StepKey, at: Moment) -> bool:
        if at != moment or key in killed:
            return False
        killed.add(key)
        return True

    # What an adapter keeps beside the steps that the agent asks for is in the journal alone.
    for _ in range(3 * (max(len(first.steps.asked), len(first.journal.kept.steps)) + 2)):
        made = await trial.make(journal, Plan(killed_at=killed_at, parks=True))
        if made.how in {"completed", "failed"}:
            break
        if made.journal.killed_in is not None:
            last = _MOMENTS[moment].format(name=made.journal.killed_in.name)
        in_doubt_once |= made.journal.once - set(made.journal.recorded)
    else:
        raise BrokenContract(
            f"killed {last}, the agent never gets to its end: with each new pass it asks for steps"
            " under other names or inputs, so take time, chance and names from run.now, run.random"
            " and run.uuid"
        )
    if made.how == "failed":
        if isinstance(made.error, OutcomeUnknown) and in_doubt_once:
            return  # a step marked once says so rather than be done twice
        raise BrokenContract(
            f"killed {last or 'once'}, the agent ended with {named(made.error)} when it went on:"
            " the body of a step may be done a second time, and nothing outside the steps may be"
            " needed later (give outside effects the step's idempotency_key, or mark it once=True)"
        ) from made.error
    _see_that_none_is_orphaned(journal, made)
    await _see_that_it_ended_the_same(trial, first, made)


async def cancelled_in_any_step_it_ends(trial: Trial, first: Pass) -> None:
    """Cancelled in each of its steps it lets go in time, is cleaned up once, keeps what it made."""
    await _cancel_in(trial, MemoryJournal(), 0, "at its beginning")
    for index, key in enumerate(first.journal.begun):
        done = set(first.journal.recorded[: first.journal.recorded_before[index]])
        # What an adapter records beside the steps is begun by nobody, and belongs to a moment too.
        touched = {*first.journal.begun, *first.journal.recorded}
        journal = _copy(first.journal.kept, without=touched - done)
        number = sum(begun not in done for begun in first.journal.begun[: index + 1])
        await _cancel_in(trial, journal, number, f"in step {key.name!r}")


async def cleanup_is_always_safe(trial: Trial) -> None:
    """Its clean-up works on an agent that did nothing, and works twice."""
    for which in ("of an agent that did nothing", "when it came a second time"):
        fresh = trial.agent().agent
        try:
            await clean_up(fresh)
            if which.startswith("when"):
                await clean_up(fresh)
        except Exception as error:
            raise BrokenContract(
                f"cleanup raised {named(error)} {which}: release only what is there, and forget it"
                " once it is released"
            ) from error


async def too_few_steps_end_it(trial: Trial, first: Pass) -> None:
    """A budget of too few steps ends it."""
    steps = len(first.journal.begun)
    for allowed in sorted({min(1, steps - 1), steps - 1} if steps else ()):
        made = await trial.make(plan=Plan(steps=allowed))
        _see_that_the_budget_ended_it(made, f"{allowed} steps", first)


async def too_few_tokens_end_it(trial: Trial, first: Pass) -> None:
    """A budget of too few tokens ends it, if it asks models."""
    if first.spent:
        made = await trial.make(plan=Plan(tokens=1))
        _see_that_the_budget_ended_it(made, "1 token", first)


def wrong_parameters_are_refused(case: Case) -> None:
    """Parameters that do not fit its model are refused with a sentence that names the field."""
    for wrong in wrong_parameters(case.spec.parameters, case.parameters):
        try:
            create_agent(case.spec, wrong.parameters)
        except ParametersRefused as refused:
            if wrong.field not in str(refused):
                raise BrokenContract(
                    f"given {wrong.what} the agent refuses ({refused}) without naming"
                    f" {wrong.field!r}: check a field in its own validator"
                ) from None
        except Exception as error:
            raise BrokenContract(
                f"given {wrong.what} the agent's parameters model, or the agent while it is made,"
                f" raises {named(error)}: raise ValueError in a validator, and do no work in"
                " __init__"
            ) from error
        else:
            raise BrokenContract(
                f"given {wrong.what} the agent is made all the same: describe its parameters in a"
                " Pydantic model"
            )


def bad_parameters_are_refused(case: Case) -> None:
    """Parameters that the author knows to be bad are refused for good, by name or by value."""
    bad = dict(case.parameters)
    error = _refusal_of(case)
    if error is None:
        raise BrokenContract(
            f"the agent takes the bad parameters {bad}: refuse them in its parameters model, or"
            " raise InputError"
        )
    failure = failure_from(error)
    if failure.kind is not FailureKind.PERMANENT:
        raise BrokenContract(
            f"the bad parameters {bad} end the agent with {named(error)}, which is tried"
            " again in vain: raise InputError"
        )
    if not any(word in failure.message for word in words_of(bad)):
        raise BrokenContract(
            f"the bad parameters {bad} are refused with {failure.message!r}, which names none"
            " of them: name the field, or its value, in the sentence"
        )


def _refusal_of(case: Case) -> BaseException | None:
    async def refused(trial: Trial) -> BaseException | None:
        return (await trial.make()).error

    try:
        return on_trial(case, refused)
    except ParametersRefused as error:
        return error


async def _cancel_in(trial: Trial, journal: MemoryJournal, number: int, where: str) -> None:
    made = await trial.make(journal, Plan(cancelled_in=number))
    if made.seconds_to_end >= execution.LET_GO_SECONDS:
        raise BrokenContract(
            f"cancelled {where}, the agent did not let go for {made.seconds_to_end:.1f} s: let"
            " CancelledError pass, and put blocking work into plain functions as steps, which run"
            " in threads"
        )
    if made.cleanups > 1:
        raise BrokenContract(
            "the agent calls its own cleanup: leave that to the core, which calls it once when the"
            " goal has ended, and not when it only waits"
        )
    result_survives_json(made, trial.case)
    missing = set(made.files) - {artifact.name for artifact in result_of(made).artifacts}
    if missing:
        raise BrokenContract(f"cancelled {where}, the agent loses its artifact {min(missing)!r}")


def _see_that_the_budget_ended_it(made: Pass, allowed: str, first: Pass) -> None:
    if made.how == "killed":
        raise BrokenContract(
            f"with a budget of {allowed} the agent goes on asking for ever: let BudgetExceeded pass"
        )
    if (
        made.error is None
        and made.journal.refusals == 0
        and len(made.journal.begun) < len(first.journal.begun)
    ):
        return  # it came to its end with fewer steps this time
    if made.error is None:
        raise BrokenContract(
            f"with a budget of {allowed} the agent ends as if nothing were missing: let"
            " BudgetExceeded pass, and return from get_results what there is"
        )
    if failure_from(made.error).kind is not FailureKind.BUDGET:
        raise BrokenContract(
            f"with a budget of {allowed} the agent ends with {named(made.error)}: let"
            " BudgetExceeded pass, or raise your own error from it"
        ) from made.error


async def _see_that_it_ended_the_same(trial: Trial, first: Pass, made: Pass) -> None:
    if plain(made) == plain(first):
        return
    # What an agent draws or reads may differ from run to run; then its own journal has to do.
    if first.another is None:
        first.another = await trial.make()
    expected = first
    if plain(first.another) != plain(first):
        expected = await trial.make(_copy(made.journal.kept))
    if plain(expected) != plain(made):
        place = changed(plain(expected), plain(made))
        raise BrokenContract(
            f"after kills the result differs from that of an unbroken run at {place}: keep nothing"
            " in the agent that only a step's body sets, and build the result from what the steps"
            " return"
        )


def _see_that_none_is_orphaned(journal: MemoryJournal, made: Pass) -> None:
    orphaned = [key for key in journal.steps if key not in set(made.steps.asked)]
    if orphaned:
        raise BrokenContract(
            f"step {orphaned[0].name!r} was done and is not asked for again when the agent goes on,"
            " so that it was done for nothing: give it the same name and input on every pass (take"
            " time, chance and names from run.now, run.random and run.uuid)"
        )


def _asked_anew(first: Pass, again: Pass) -> str:
    anew = again.journal.begun[0]
    asked = set(again.steps.asked)
    before = next(
        (key for key in first.journal.recorded if key.name == anew.name and key not in asked),
        None,
    )
    given = again.steps.given.get(anew, "")
    with_what = f" with {given}"
    if before is not None:
        with_what = f" with {first.steps.given.get(before, '')} at first and with {given} then"
    return (
        f"step {anew.name!r} is not found again when the agent goes on, because it is asked for"
        f"{with_what}: give it the same input on every pass (take time, chance and names from"
        " run.now, run.random and run.uuid, and sort what has no order)"
    )


def _copy(journal: MemoryJournal, without: set[StepKey] | None = None) -> MemoryJournal:
    copy = MemoryJournal()
    copy.steps = {
        key: answer for key, answer in journal.steps.items() if key not in (without or set())
    }
    return copy
