"""Logs of commands, on stderr: lines for people on a terminal, one JSON object a line elsewhere."""

import io
import logging
import sys
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

from perdure.cli.output.event_text import strip_controls
from perdure.redaction import (
    log_fields_without_secrets,
    log_text_without_secrets,
    message_without_secrets,
)

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

# The SDK's own tracebacks of attempts that failed, of which Perdure logs one line each.
_QUIETED: Final = ("temporalio.activity", "temporalio.worker", "temporalio.workflow")
_FIRST: Final = ("timestamp", "level", "logger", "event")
_NO_LEVELS: Final[Mapping[str, int]] = MappingProxyType({})


def configure_logs(level: int, levels: Mapping[str, int] = _NO_LEVELS) -> None:
    """Log on stderr, without secrets: Perdure from ``level`` on, libraries only their warnings.

    Each line carries what is bound to its task: goal, run, agent and attempt, the id of a request,
    and the ids of trace and span where a span is being recorded.

    Args:
        level: The least level of what Perdure and its agents log.
        levels: Other least levels by the beginnings of loggers' names, such as ``perdure.stores``
            and ``httpx``; the empty name stands for all that Perdure and its agents log.
    """
    import structlog

    as_json = not sys.stderr.isatty()
    chain = _common_processors()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *chain],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(as_json=as_json),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in _QUIETED:
        logging.getLogger(name).setLevel(logging.ERROR)
    for name, least in levels.items():
        if name:
            logging.getLogger(name).setLevel(least)
    least_levels = _LeastLevels(levels.get("", level), levels)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(least_levels.least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[least_levels, *chain, *_rendering(as_json=as_json)],
    )


def report(message: str) -> None:
    """Report what a service waits for or does: a line for people on a terminal, logged elsewhere.

    Args:
        message: One sentence, or a few words.
    """
    if sys.stderr.isatty():
        sys.stderr.write(f"{message}\n")
        return
    import structlog

    structlog.get_logger().info(message)


def _common_processors() -> "list[Processor]":
    import structlog

    return [
        structlog.contextvars.merge_contextvars,
        _add_trace,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]


def _rendering(*, as_json: bool) -> "list[Processor]":
    """Return what turns an event into a line, without secrets and what a terminal would obey."""
    import structlog

    if as_json:
        return [
            structlog.processors.format_exc_info,
            structlog.processors.StackInfoRenderer(),
            _strip_fields,
            _redact_fields,
            _order,
            # As it is: what is not ASCII is read by people, and takes six characters escaped.
            structlog.processors.JSONRenderer(ensure_ascii=False),
            _redact_json,
        ]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=_write_traceback
    )
    return [_strip_fields, _redact_fields, console, _redact_text]


class _LeastLevels:
    """Drops what is below the least level of its logger: the module that logs."""

    def __init__(self, level: int, levels: Mapping[str, int]) -> None:
        import structlog

        self._level = level
        self._levels = sorted(levels.items(), key=lambda pair: len(pair[0]), reverse=True)
        self.least = min((level, *levels.values()))
        self._add_module = structlog.processors.CallsiteParameterAdder(
            {structlog.processors.CallsiteParameter.QUAL_MODULE}, additional_ignores=[__name__]
        )

    def __call__(self, logger: Any, method: str, event: "EventDict") -> "EventDict":
        import structlog

        name: str = self._add_module(logger, method, event).pop("qual_module")
        if logging.getLevelNamesMapping().get(method.upper(), logging.ERROR) < self._of(name):
            raise structlog.DropEvent
        event["logger"] = name
        return event

    def _of(self, name: str) -> int:
        for beginning, level in self._levels:
            if name == beginning or name.startswith(f"{beginning}."):
                return level
        return self._level


def _add_trace(_: Any, __: str, event: "EventDict") -> "EventDict":
    """Add the ids of the span that is being recorded; without tracing nothing is imported."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is not None:
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            event["trace_id"] = f"{context.trace_id:032x}"
            event["span_id"] = f"{context.span_id:016x}"
    return event


def _strip_fields(_: Any, __: str, event: "EventDict") -> "EventDict":
    # Names of files, paths of requests: anybody may have chosen them.
    return {
        name: strip_controls(value) if isinstance(value, str) else value
        for name, value in event.items()
    }


def _write_traceback(
    out: TextIO, error: tuple[type[BaseException], BaseException, TracebackType | None]
) -> None:
    # Without the values of variables, which may be secret, or what somebody handed in.
    from structlog.dev import plain_traceback

    text = io.StringIO()
    plain_traceback(text, error)
    out.write(strip_controls(text.getvalue()))


def _redact_fields(_: Any, __: str, event: "EventDict") -> "EventDict":
    return cast("EventDict", log_fields_without_secrets(event))


def _order(_: Any, __: str, event: "EventDict") -> "EventDict":
    """Put first what every line has, for whoever reads them as they are."""
    return {name: event[name] for name in _FIRST if name in event} | dict(event)


def _redact_json(_: Any, __: str, line: Any) -> str:
    # What could cut a quotation mark off has been looked for in the fields.
    return message_without_secrets(str(line))


def _redact_text(_: Any, __: str, line: Any) -> str:
    # Tracebacks are in it by now.
    return log_text_without_secrets(str(line))
