"""Whether a text is an e-mail."""

import re
from typing import Final

_HEADER: Final = re.compile(r"^([A-Za-z][A-Za-z0-9-]*):[ \t]?", re.MULTILINE)
_KNOWN: Final = {
    *("from", "to", "cc", "subject", "date", "message-id", "mime-version", "content-type"),
    *("received", "return-path", "delivered-to", "reply-to", "x-mailer"),
}
_CERTAIN: Final = 3


def is_email(head: str, suffix: str) -> bool:
    """Say whether text begins with the headers of an e-mail; one is enough when its name says so.

    Args:
        head: The text's beginning.
        suffix: The ending of the file's name.
    """
    headers = head.lstrip("\n").partition("\n\n")[0]
    if not _HEADER.match(headers) and not headers.startswith("From "):
        return False
    found = {name.lower() for name in _HEADER.findall(headers)} & _KNOWN
    return len(found) >= (1 if suffix == ".eml" else _CERTAIN) and bool(
        found - {"from", "to", "date", "subject"} or suffix == ".eml"
    )
