"""A repository of 100,000 lines, made of what repositories are made of."""

from pathlib import Path
from typing import Final

LINES: Final = 100_000
_PACKAGES: Final = 25
_FUNCTIONS: Final = 14

_HEAD: Final = '''"""Module {number} of package {package}: prices of its goods."""

import json
import os
from typing import Dict, List, Optional

{imports}

RATES = {{"usual": 0.19, "reduced": 0.07, "none": 0.0}}


class Shelf{number}:
    """Goods and how many there are of each."""

    def __init__(self, counts: Dict[str, int], notes=[]):
        self.counts = counts
        self.notes = notes

    def total(self) -> int:
        return sum(self.counts.values())

    def to_json(self) -> str:
        return json.dumps(self.counts, sort_keys=True)

'''
_FUNCTION: Final = '''
def price_{number}_{place}(amount: float, kind: str = "usual", parts: Optional[List[float]] = None):
    """Return what {place} of a good costs, with tax."""
    total = amount * {place}
    for part in parts or []:
        if part > total and kind != "none":
            total += part * RATES[kind]
        elif part == None:
            continue
        else:
            total -= part
    if kind in RATES:
        return round(total * (1 + RATES[kind]), 2)
    return total

'''


def write_repository(folder: Path) -> int:
    """Write the repository, and return how many lines it has."""
    lines = 0
    number = 0
    while lines < LINES:
        package = folder / f"goods_{number % _PACKAGES:02d}"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        text = _module(number)
        (package / f"prices_{number:04d}.py").write_text(text)
        lines += text.count("\n")
        number += 1
    return lines


def _module(number: int) -> str:
    """Return a module; each takes a name from the one before, which does not use it itself."""
    before = number - 1
    package = f"goods_{number % _PACKAGES:02d}"
    imports = ""
    if number:
        module = f"goods_{before % _PACKAGES:02d}.prices_{before:04d}"
        imports = f"from {module} import Dict as Mapping, Shelf{before}"
    head = _HEAD.format(number=number, package=package, imports=imports)
    functions = (_FUNCTION.format(number=number, place=place) for place in range(_FUNCTIONS))
    return head + "".join(functions)
