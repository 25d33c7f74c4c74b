"""How much a finding of the linter weighs, by its rule."""

import re
from typing import Final

from perdure_code.review.facts import Level

ORDER: Final = {level: place for place, level in enumerate(Level)}

# The longest prefix decides; what is not named is a matter of style.
_LEVELS: Final = {
    "ASYNC": Level.RISK,
    "B": Level.RISK,
    "B007": Level.STYLE,
    "B009": Level.STYLE,
    "B010": Level.STYLE,
    "B011": Level.WARNING,
    "B028": Level.STYLE,
    "B904": Level.WARNING,
    "B905": Level.WARNING,
    "BLE": Level.WARNING,
    "C901": Level.WARNING,
    "DTZ": Level.WARNING,
    "E711": Level.WARNING,
    "E712": Level.WARNING,
    "E722": Level.RISK,
    "E9": Level.ERROR,
    "F": Level.WARNING,
    "F401": Level.STYLE,
    "F403": Level.WARNING,
    "F5": Level.ERROR,
    "F541": Level.STYLE,
    "F6": Level.ERROR,
    "F7": Level.ERROR,
    "F82": Level.ERROR,
    "PERF": Level.STYLE,
    "PLE": Level.ERROR,
    "PLR": Level.STYLE,
    "PLW": Level.WARNING,
    "RUF006": Level.RISK,
    "S": Level.RISK,
    "S101": Level.STYLE,
    "S110": Level.WARNING,
    "S311": Level.STYLE,
    "SIM": Level.STYLE,
    "SLF": Level.STYLE,
    "TRY": Level.STYLE,
    "UP": Level.STYLE,
}


def level_of(code: str) -> Level:
    """Return the weight of a rule; a file that does not parse has none and is an error."""
    letters = re.match(r"[A-Z]+", code)
    if letters is None:
        return Level.ERROR
    # Not shorter than its letters, or FURB would be taken for one of pyflakes' F.
    prefixes = (code[:length] for length in range(len(code), letters.end() - 1, -1))
    return next((_LEVELS[prefix] for prefix in prefixes if prefix in _LEVELS), Level.STYLE)
