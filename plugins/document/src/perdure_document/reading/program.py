"""The program that reads documents; it can be limited and ended without harm to who asks it.

Executed as ``python -m perdure_document.reading.program``. Archives, and what lies in them, may be
made to take all memory, or never to end.
"""

from typing import Any, Final

from perdure.agents import InputError
from perdure_document.child_process.serving import serve
from perdure_document.facts import Source
from perdure_document.reading.readers import read_whole

_MOST_BYTES: Final = 3 << 30


def main() -> None:
    """Answer until there is nothing more to answer."""
    serve(lambda: _read, _MOST_BYTES, (InputError,))


def _read(_: str, arguments: list[Any]) -> str:
    (source,) = arguments
    return read_whole(Source.model_validate(source)).model_dump_json()


if __name__ == "__main__":
    main()
