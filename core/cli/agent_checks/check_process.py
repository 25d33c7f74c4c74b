"""What runs in the process in which agents' checks are called; see :mod:`.checking`.

It writes one line of JSON to its standard output for each thing that begins or has ended.
"""

import inspect
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from perdure.agents import AgentSpec, Check
from perdure.agents.plugins.hooks.printable import (
    MOST_CHARACTERS,
    exception_name,
    exception_text,
    printable,
)
from perdure.settings import Settings
from perdure.temporal.installation import load_agents

_MOST_CHECKS: Final = 1000
_TEXTS: Final = ("part", "version", "where", "advice")
_ADVICE: Final = "let its author correct the function check"


def main(order: Mapping[str, Any]) -> None:
    """Call agents' checks one by one, and end, whatever one has left running.

    Args:
        order: What :mod:`.checking` wants called.
    """
    report, stderr = os.dup(1), os.dup(2)
    # The command has loaded the same plugins, and shown what they print meanwhile.
    empty = os.open(os.devnull, os.O_WRONLY)
    os.dup2(empty, 1)
    os.dup2(empty, 2)
    registry = load_agents(Settings())
    os.dup2(stderr, 1)
    os.dup2(stderr, 2)

    def send(**message: object) -> None:
        os.write(report, json.dumps(message).encode() + b"\n")

    for name in order["agents"]:
        send(agent=name)
        found = registry.agents.get(name)
        checks = call_check(found.spec) if found is not None else [_failed("it is gone")]
        send(checks=[check.model_dump() for check in checks])
    sys.stderr.flush()
    os._exit(0)


def call_check(spec: AgentSpec) -> list[Check]:
    """Return what an agent's check finds; where it fails, a check that says so."""
    try:
        return list(_checks(spec.check() if spec.check is not None else ()))
    except SystemExit as error:
        code = printable(repr(error.code), MOST_CHARACTERS)
        return [_failed(f"it called sys.exit({code}) instead of returning a Check: {_ADVICE}")]
    except BaseException as error:  # noqa: BLE001 -- a plugin's check may raise anything
        if type(error).__module__.partition(".")[0] == "perdure":
            return [_failed(exception_text(error))]
        raised = f"it raised {exception_name(error)}: {exception_text(error)}".rstrip(": ")
        return [_failed(f"{raised}; {_ADVICE}")]


def _checks(results: object) -> Iterator[Check]:
    """Yield the checks that were returned, their texts fit to be shown, up to what is none."""
    if inspect.iscoroutine(results):
        results.close()
        yield _failed("it is an async function: let its author make it an ordinary one")
    elif not isinstance(results, Iterable):
        yield _failed(f"it returned {_shown(results)} and no list of Check: {_ADVICE}")
    else:
        for check in islice(results, _MOST_CHECKS):
            if not isinstance(check, Check):
                yield _failed(f"it returned {_shown(check)}, which is no Check: {_ADVICE}")
                return
            texts = {name: printable(getattr(check, name), MOST_CHARACTERS) for name in _TEXTS}
            yield Check(found=bool(check.found), required=bool(check.required), **texts)


def _failed(advice: str) -> Check:
    return Check(part="check", found=False, advice=advice)


def _shown(value: object) -> str:
    try:
        return printable(repr(value), 60)
    except Exception:  # noqa: BLE001 -- the text is the plugin's own code
        return f"a {type(value).__name__}"


if __name__ == "__main__":
    main(json.load(sys.stdin))
