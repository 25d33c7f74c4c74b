"""The pytest plugin of Perdure: fixtures for the tests of agents.

pytest loads this in every run, so it imports nothing before a fixture is used. The fixtures serve
plain tests as well as async ones; async ones need pytest-asyncio (or another runner), as anywhere.
"""

import sys
import traceback
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from perdure.testing.installation import Installation
    from perdure.testing.model_endpoint.server import ModelServer

pytest.register_assert_rewrite("perdure.testing.contracts.contract")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show of a broken contract its sentence, and of the agent's own error where it comes from."""
    report = yield
    errors = sys.modules.get("perdure.testing.contracts.errors")
    error = None if call.excinfo is None else call.excinfo.value
    if errors is not None and isinstance(error, errors.BrokenContract):
        cause = error.__cause__
        lines = [] if cause is None else traceback.format_exception(cause)
        report.longrepr = "\n".join([f"BrokenContract: {error}", "".join(lines)]).rstrip()
    return report


@pytest.fixture(scope="session")
def _perdure_models() -> "Iterator[ModelServer]":
    """Serve one scripted model for the whole run: a worker keeps its connection to it."""
    from perdure.testing.model_endpoint.server import ModelServer

    with ModelServer() as server, pytest.MonkeyPatch.context() as environment:
        for name, value in server.environment.items():
            environment.setenv(name, value)
        yield server


@pytest.fixture
def model_server(_perdure_models: "ModelServer") -> "Iterator[ModelServer]":
    """A scripted model over real HTTP, which ``PERDURE_MODEL`` names; it echoes until scripted.

    ::

        async def test_it_says_what_the_model_says(model_server):
            model_server.answers([says("Sunny.")])
            result = (await rehearse("weather", "Tell it")).result
            assert result.summary == "Sunny."
            assert len(model_server.requests) == 1
    """
    _perdure_models.answers()
    yield _perdure_models
    _perdure_models.answers()


@pytest.fixture(scope="session")
def perdure_installation(
    tmp_path_factory: pytest.TempPathFactory,
    _perdure_models: "ModelServer",
) -> "Iterator[Installation]":
    """A whole installation: a real Temporal server, stores in a temporary folder, a worker here.

    It starts when a test first asks for it, and serves the whole run. Its agents' models are the
    fixture ``model_server``. ``await perdure_installation.finish(…)`` in an async test, or
    ``perdure_installation.run(…)`` in a plain one, sees a goal through::

        async def test_it_runs_for_real(perdure_installation):
            result = await perdure_installation.finish("weather", "Tell it", {"city": "Ghent"})
            assert result.summary
    """
    from perdure.testing.installation import Installation

    installation = Installation(tmp_path_factory.mktemp("perdure-home"))
    try:
        yield installation.start()
    finally:
        installation.stop()
