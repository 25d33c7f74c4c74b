"""Makes what comes from a plugin fit to be shown: one line that steers no terminal."""

from collections.abc import Sequence
from typing import Final

# A sentence with its advice is shorter; what a plugin raises can be of any length.
MOST_CHARACTERS: Final = 500
# A plugin may bring thousands of agents.
MOST_NAMES: Final = 8
# They are invisible, and Persian and joined emoji are not written without them.
_JOINERS: Final = frozenset("\u200c\u200d")


def printable(text: str, most: int | None = None) -> str:
    r"""Return a text in one line, what is no character to look at escaped, such as ``\x1b``.

    Args:
        text: The text.
        most: How many characters of it are shown; all when not given.
    """
    is_cut = most is not None and len(text) > most
    shown = text[:most] if is_cut else text
    if not shown.isprintable():
        shown = " ".join(shown.split())
        shown = "".join(
            char
            if char.isprintable() or char in _JOINERS
            else char.encode("unicode_escape").decode()
            for char in shown
        )
    return f"{shown}…" if is_cut else shown


def shortened(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """Return names as a list, and of more than ``most`` how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def exception_name(error: BaseException) -> str:
    """Return the name of an exception's class, fit to be shown."""
    return printable(type(error).__name__, MOST_CHARACTERS)


def exception_text(error: BaseException) -> str:
    """Return the first line of what an exception says; nothing when it cannot be asked.

    A plugin's exception may raise another when it is converted to a string.
    """
    if isinstance(error, SyntaxError):
        return printable(str(error.msg), MOST_CHARACTERS)
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 -- the text is the plugin's own code
        return ""
    first = text[: 2 * MOST_CHARACTERS].lstrip().splitlines() or [""]
    return printable(first[0], MOST_CHARACTERS)
