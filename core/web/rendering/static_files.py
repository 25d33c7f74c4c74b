"""The static files of the pages: their content, and addresses that change with it."""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

_STYLESHEET: Final = "perdure.css"
# In this order, since later rules win.
_STYLES: Final = ("tokens", "frame", "elements", "tables", "forms", "goal")
_SERVED: Final = frozenset({".css", ".js", ".svg"})


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that browsers keep for good.

    Attributes:
        content: Its bytes.
        compressed: The same as gzip.
        media_type: Its media type, with the charset.
        digest: The beginning of its SHA-256 digest, in hexadecimal digits.
    """

    content: bytes
    compressed: bytes
    media_type: str
    digest: str


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Return the files by name, such as ``scripts/page.js``; the styles are one file."""
    folder = files("perdure.web") / "static"
    found = dict(_read(folder))
    styles = [found.pop(f"styles/{name}.css") for name in _STYLES]
    return MappingProxyType(
        {name: _static_file(name, content) for name, content in found.items()}
        | {_STYLESHEET: _static_file(_STYLESHEET, b"\n".join(styles))}
    )


def static_url(name: str) -> str:
    """Return the address of a file, which is another once its content is another.

    Raises:
        KeyError: There is no such file.
    """
    return f"/static/{static_files()[name].digest}/{name}"


def _read(folder: Traversable, prefix: str = "") -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for item in folder.iterdir():
        if item.is_dir():
            found.extend(_read(item, f"{prefix}{item.name}/"))
        elif item.name[item.name.rfind(".") :] in _SERVED:
            found.append((f"{prefix}{item.name}", item.read_bytes()))
    return found


def _static_file(name: str, content: bytes) -> StaticFile:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if name.endswith(".js"):
        media_type = "text/javascript"  # the systems' own tables differ
    digest = hashlib.sha256(content).hexdigest()[:12]
    compressed = gzip.compress(content, mtime=0)
    return StaticFile(content, compressed, f"{media_type}; charset=utf-8", digest)
