"""Keys for installations that are encrypted."""

import base64
from pathlib import Path


def write_keys(path: Path, *names: str) -> str:
    """Write a file of keys, one for each name, and return what ``PERDURE_ENCRYPTION_KEYS`` says.

    A key of the same name is the same in every file.
    """
    lines = [f"{name} {base64.b64encode(name.encode().ljust(32, b'.')).decode()}" for name in names]
    path.touch(mode=0o600)
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)
