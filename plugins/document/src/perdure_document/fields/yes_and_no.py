"""Whether words say yes or no."""

import re
from typing import Final

_YES: Final = re.compile(
    r"(?<![^\W_])(?:yes|ja|oui|sí|si|sì|true|wahr|vrai)(?![^\W_])|[\u2611\u2612\u2713\u2714]|\[x\]",
    re.IGNORECASE,
)
_NO: Final = re.compile(
    r"(?<![^\W_])(?:no(?!\.?\s*[#\w-]*\d)|not|none|never|without|isn't|aren't|doesn't|nein|nicht|kein"
    r"|keine|keinen|ohne|non|pas|ne|sans|nee|geen|niet|false|falsch|faux)(?![^\W_])|\u2610|\[ \]",
    re.IGNORECASE,
)


def yes_or_no(text: str) -> bool | None:
    """Return what a text says in plain words or a check box; ``None`` for both or neither."""
    yes, no = bool(_YES.search(text)), bool(_NO.search(text))
    return None if yes == no else yes


def denies(text: str) -> bool:
    """Say whether a text says of something that it is not."""
    return _NO.search(text) is not None
