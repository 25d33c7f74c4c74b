"""Where two plain values differ, place by place."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Final

from pydantic import JsonValue

from perdure.schemas.replays.replay import Difference

MOST_DIFFERENCES: Final = 20
_CHARACTERS: Final = 200
_MISSING: Final = object()


def differences(recorded: JsonValue, now: JsonValue, where: str) -> list[Difference]:
    """Return where two values differ, the first 20 places.

    Args:
        recorded: What is on record.
        now: What was made instead.
        where: The name of the whole.
    """
    return list(islice(_differences(recorded, now, where), MOST_DIFFERENCES))


def _differences(recorded: object, now: object, where: str) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*recorded, *now]):
            yield from _differences(
                recorded.get(name, _MISSING), now.get(name, _MISSING), f"{where}.{name}"
            )
    elif isinstance(recorded, list) and isinstance(now, list):
        for number in range(max(len(recorded), len(now))):
            one = recorded[number] if number < len(recorded) else _MISSING
            other = now[number] if number < len(now) else _MISSING
            yield from _differences(one, other, f"{where}[{number}]")
    elif recorded != now or isinstance(recorded, bool) != isinstance(now, bool):
        yield Difference(where=where, recorded=as_text(recorded), now=as_text(now))


def as_text(value: object) -> str | None:
    """Return a plain value as JSON, cut where it is long; ``None`` for one that is not there."""
    if value is _MISSING:
        return None
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…"
