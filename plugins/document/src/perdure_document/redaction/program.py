"""The program that redacts documents that are no PDFs; see :mod:`perdure_document.reading.program`.

Executed as ``python -m perdure_document.redaction.program``.
"""

from pathlib import Path
from typing import Any, Final

from perdure.agents import InputError
from perdure_document.child_process.serving import serve
from perdure_document.facts import Source
from perdure_document.redaction.copying import redact_file
from perdure_document.redaction.finder import Terms

_MOST_BYTES: Final = 3 << 30


def main() -> None:
    """Answer until there is nothing more to answer."""
    serve(lambda: _redact, _MOST_BYTES, (InputError,))


def _redact(_: str, arguments: list[Any]) -> object:
    source, target, terms = arguments
    redaction = redact_file(
        Source.model_validate(source), Path(target), Terms.model_validate(terms)
    )
    return redaction.model_dump(mode="json")


if __name__ == "__main__":
    main()
