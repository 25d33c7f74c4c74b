"""Text as it is, on pages: what would steer a terminal or turn a line round is shown."""

import re
from typing import Final

# Control characters but tab and line breaks, the separators that end a line in scripts, and what
# overrides the direction of text. Marks of direction stay: Hebrew and Arabic are written with them.
_STEERING: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def visible(value: object) -> object:
    r"""Return a template's value; of a text, each steering character as an escape, ``\x1b``."""
    if type(value) is not str:  # markup is made of values that came this way
        return value
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), value)
