"""Whether the files that an agent delivers are what their names say."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from typing import Final


def _begins_with(mark: bytes) -> Callable[[bytes], object]:
    def check(content: bytes) -> None:
        if not content.startswith(mark):
            raise ValueError(f"it does not begin with {mark!r}")

    return check


def _is_text(content: bytes) -> None:
    if not content.decode("utf-8").strip():
        raise ValueError("it is empty")


_CHECKS: Final[dict[str, Callable[[bytes], object]]] = {
    "csv": lambda content: content.decode("utf-8"),
    "docx": _begins_with(b"PK"),
    "html": _is_text,
    "json": json.loads,
    "md": _is_text,
    "parquet": _begins_with(b"PAR1"),
    "pdf": _begins_with(b"%PDF"),
    "png": _begins_with(b"\x89PNG"),
    "svg": ET.fromstring,
}


def broken_files(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the names of files that cannot be read as what they are called."""
    broken = []
    for name, content in files.items():
        check = _CHECKS.get(name.rpartition(".")[2])
        try:
            if check is not None:
                check(content)
        except (ValueError, ET.ParseError):
            broken.append(name)
    return tuple(broken)
