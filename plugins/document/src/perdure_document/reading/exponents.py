"""Raised characters that would make another number of the one before them."""

import re
from typing import Final

# A number, a sign of an ion, or a short term such as n, 2n, n+1; not the "e" or "o" of an ordinal.
_EXPONENT: Final = re.compile(
    r"[-+\u2212]?\d[\d.,]*[-+\u2212]?|[-+\u2212]|[-+\u2212]?\d*[b-df-np-z](?:[-+\u2212]\d+)?"
)
_RAISED: Final = re.compile(r"[\w)\]]$")


def with_mark(before: str, text: str) -> str:
    """Return a raised text as it is written after another: the 3 after ``10`` is ``^3``.

    Args:
        before: What stands before it.
        text: The raised text.
    """
    inner = text.strip()
    if not _RAISED.search(before) or not _EXPONENT.fullmatch(inner):
        return text
    several = any(sign in inner[1:-1] for sign in "+-\u2212")
    return f"^({inner})" if several else f"^{inner}"
