"""Logs of commands: on stderr, in lines for people."""

import logging
import sys


def configure_logs(level: int) -> None:
    """Log on stderr: Perdure from ``level`` on, libraries only their warnings.

    Perdure logs a failed attempt in one line; the SDK's own traceback of it is left out.
    """
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", stream=sys.stderr)
    for name in ("temporalio.activity", "temporalio.worker", "temporalio.workflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
    )
