"""Where two results differ first."""

from typing import Final

_VALUE_CHARACTERS: Final = 60


def first_difference(before: object, after: object, where: str = "result") -> str:
    """Return where two results differ first, and the two values."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *after]:
            if key not in before or key not in after or before[key] != after[key]:
                return first_difference(before.get(key), after.get(key), f"{where}.{key}")
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        for index, (one, other) in enumerate(zip(before, after, strict=False)):
            if one != other:
                return first_difference(one, other, f"{where}[{index}]")
    return f"{where} ({_shortened(before)} became {_shortened(after)})"


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _VALUE_CHARACTERS else f"{text[:_VALUE_CHARACTERS]}…"
