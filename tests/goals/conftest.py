"""What the tests of whole goals share."""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest
import structlog

from perdure.cli.runtime.logs import configure_logs

_QUIETED: Final = ("temporalio.activity", "temporalio.worker", "temporalio.workflow")


@pytest.fixture
def log_to_stderr() -> Iterator[Callable[..., None]]:
    """Return what configures logs as commands do; after the test they are as before it."""
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, _QUIETED)]
    levels, before = [logger.level for logger in loggers], structlog.get_config()
    replaced: list[list[logging.Handler]] = []

    def configure(level: int, levels: Mapping[str, int] | None = None) -> None:
        # Here, and not before the test, at whose beginning pytest adds handlers of its own.
        replaced.append(root.handlers)
        root.handlers = []
        configure_logs(level, levels or {})

    yield configure
    if replaced:
        root.handlers = replaced[0]
    structlog.configure(**before)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
