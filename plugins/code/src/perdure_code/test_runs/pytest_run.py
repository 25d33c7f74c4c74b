"""Running a repository's own tests once, in a copy of it, by pytest or by a command."""

from collections.abc import Callable, Sequence
from pathlib import Path

from perdure.agents import InputError, Run
from perdure_code.sandbox.bubblewrap import SandboxUnavailable
from perdure_code.test_runs.command_run import run_test_command
from perdure_code.test_runs.outcomes import Outcome, TestsResult
from perdure_code.test_runs.prepared import prepare_tests
from perdure_code.test_runs.settings import TestSettings


async def run_tests(
    run: Run,
    root: Path,
    settings: TestSettings,
    *,
    tests: Sequence[str] = (),
    prepare: Callable[[Path], object] | None = None,
) -> TestsResult:
    """Run a repository's tests in a copy of it; call it in a step, whose value this is.

    Args:
        run: The run that they belong to: they end with it.
        root: The repository.
        settings: How they are to be run.
        tests: The ids of the tests to run; all when there are none.
        prepare: Called in a thread with the folder of the copy, before anything of it is run.

    Returns:
        Their outcome. That they cannot be run is one too, as where there is no sandbox.
    """
    try:
        if settings.command:
            return await run_test_command(run, root, settings, prepare=prepare)
        async with prepare_tests(run, root, settings, prepare=prepare) as prepared:
            return await prepared.execute(tests)
    except (SandboxUnavailable, InputError) as error:
        return TestsResult(outcome=Outcome.UNABLE, ended=str(error))
