"""The versions of what reads documents: what it made of a file before is its work no longer."""

import functools
import hashlib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_PARSERS: Final = (
    *("babel", "charset-normalizer", "docling-slim", "lxml", "markdown-it-py", "openpyxl"),
    *("pillow", "pylatexenc", "pypdfium2", "python-docx", "python-oxmsg", "python-pptx"),
)
_RECOGNISERS: Final = ("rapidocr", "onnxruntime", "opencv-python", "pypdfium2")


@functools.cache
def parsers_version() -> str:
    """Return what changes with the code of this distribution and the libraries that it uses."""
    return _digest(_HERE, _PARSERS)


@functools.cache
def recogniser_version() -> str:
    """Return what changes with the code that recognises text, and with its models.

    The models are part of their library.
    """
    return _digest(_HERE / "pdf" / "recognition", _RECOGNISERS)


def _digest(folder: Path, libraries: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name in libraries:
        try:
            digest.update(f"{name} {version(name)}\n".encode())
        except PackageNotFoundError:
            digest.update(f"{name}\n".encode())
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"{file.relative_to(folder).as_posix()}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
