"""What such a process does: it answers requests until who asks is gone.

Requests come as lines of JSON on the standard input, ``[NAME, ARGUMENTS…]``. Each is answered with
a line of JSON: ``{"value": …}``, or ``{"error": …, "code": …, "refused": …}``, where ``refused``
says that the error is a whole sentence for whoever gave the file. When the standard input ends, the
process does at once.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO, Final, NoReturn

Answer = Callable[[str, list[Any]], object]

_UNFORESEEN: Final = -1
_OUT_OF_MEMORY: Final = 137


def serve(
    opened: Callable[[], Answer], most_bytes: int, refusals: tuple[type[Exception], ...] = ()
) -> NoReturn:
    """Answer requests for ever.

    Args:
        opened: Opens what is asked about, and returns what answers: a function of a request's name
            and arguments. Whatever it raises is the answer to every request.
        most_bytes: How much memory the process may have.
        refusals: Errors whose message is a whole sentence for whoever gave the file.
    """
    _limit_memory(most_bytes)
    # Whatever a library prints goes elsewhere: the answers have the standard output for themselves.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests,), daemon=True).start()
    try:
        answer = opened()
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
    except Exception as error:  # noqa: BLE001 -- whatever a file makes a library raise
        failure = _failure(error, refusals)
        while True:
            requests.get()
            _write(answers, failure)
    while True:
        name, *arguments = json.loads(requests.get())
        try:
            value = answer(name, arguments)
        except MemoryError:
            os._exit(_OUT_OF_MEMORY)
        except Exception as error:  # noqa: BLE001 -- as above
            _write(answers, _failure(error, refusals))
        else:
            _write(answers, {"value": value})


def _limit_memory(most_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))


def _receive(requests: "queue.SimpleQueue[bytes]") -> None:
    for line in sys.stdin.buffer:
        requests.put(line)
    os._exit(0)


def _failure(error: Exception, refusals: tuple[type[Exception], ...]) -> dict[str, object]:
    refused = isinstance(error, refusals)
    code = getattr(error, "err_code", None)
    text = str(error) if refused or code is not None else f"{type(error).__name__}: {error}"
    return {"error": text, "code": _UNFORESEEN if code is None else code, "refused": refused}


def _write(answers: BinaryIO, value: object) -> None:
    answers.write(json.dumps(value).encode() + b"\n")
    answers.flush()
