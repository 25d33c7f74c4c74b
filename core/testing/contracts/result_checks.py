"""Checks of what an unbroken execution delivers: progress, result, artifacts."""

import json
from itertools import pairwise
from pathlib import PurePosixPath, PureWindowsPath

from perdure.agents.parameters import ParametersRefused
from perdure.agents.runs.artifact_names import ARTIFACT_NAME_CHARACTERS
from perdure.models import Result
from perdure.testing.contracts.differences import first_difference
from perdure.testing.contracts.errors import BrokenContract, describe_error, first_line
from perdure.testing.contracts.runner import AgentRunner
from perdure.testing.in_memory.execution import AgentCase, ExecutionRecord
from perdure.testing.in_memory.waits import missing_argument


async def execute_to_result(runner: AgentRunner) -> ExecutionRecord:
    """Return an unbroken execution, which has to reach a result.

    Raises:
        BrokenContract: It did not.
    """
    try:
        record = await runner.execute()
    except ParametersRefused as refused:
        raise BrokenContract(
            f"the contract's own parameters are refused, so give it parameters that fit: {refused}"
        ) from None
    if record.status == "suspended":
        missing = ", ".join(
            missing_argument(request).replace("=", " = ", 1) for request in record.unanswered
        )
        raise BrokenContract(f"the agent waits, and nobody answers: set {missing} in the contract")
    if record.result is None or record.status != "completed":
        raise BrokenContract(
            f"the agent ended with {describe_error(record.error)} instead of a result: give the"
            " contract a description and parameters that it can work with, or repair it"
        ) from record.error
    return record


def check_progress(record: ExecutionRecord) -> None:
    """Check that the agent reports progress, which never goes back."""
    percentages = [progress.percentage for progress in record.progress]
    if not percentages:
        raise BrokenContract(
            'the agent tells no progress: await run.progress(50, "…"), or yield Progress(…),'
            " between its steps"
        )
    for earlier, later in pairwise(percentages):
        if later < earlier:
            raise BrokenContract(
                f"progress goes back from {earlier:g} to {later:g} %: tell percentages that only"
                " grow, counted over the whole of the work"
            )


def check_result_is_json(record: ExecutionRecord, case: AgentCase) -> None:
    """Check that the result is the same after a way through JSON, and names its agent."""
    result = record.final_result()
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
        difference = first_difference(result.model_dump(), read.model_dump())
        raise BrokenContract(
            f"the result comes back changed from JSON at {difference}: put plain data there (no"
            " NaN, no tuples, no keys but texts)"
        )
    if read.metadata.get("agent_type") != case.spec.name:
        raise BrokenContract(
            f"the result's metadata says agent_type {read.metadata.get('agent_type')!r} and not"
            f" {case.spec.name!r}: leave that field to the core"
        )


def check_artifact_names(record: ExecutionRecord) -> None:
    """Check that artifacts have names that stay within a folder on every system, and are stored."""
    for artifact in record.final_result().artifacts:
        problem = _problem_of_name(artifact.name)
        if problem:
            raise BrokenContract(
                f"artifact name {artifact.name!r} {problem}: give a relative path of plain names,"
                " such as 'charts/sales.svg'"
            )
        if artifact.name not in record.files:
            raise BrokenContract(
                f"the result lists artifact {artifact.name!r}, which was never stored: make it with"
                " await run.artifact(…) and do not build Artifact yourself"
            )


def _problem_of_name(name: str) -> str:
    """Return what is wrong with an artifact's name; empty when nothing is."""
    path, on_windows = PurePosixPath(name), PureWindowsPath(name)
    if path.is_absolute() or on_windows.is_absolute() or on_windows.drive:
        return "is absolute"
    if not path.parts or ".." in path.parts or ".." in on_windows.parts:
        return "leads out of its folder"
    if len(name) > ARTIFACT_NAME_CHARACTERS:
        return "is too long"
    if any(not character.isprintable() or character == "\\" for character in name):
        return "holds a character that no file name should"
    return ""
