"""What a benchmark says in the end: each figure, its target, and whether it holds."""

import json
import os
import platform
import sys
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """A measured figure against its target.

    Attributes:
        value: What was measured.
        target: What is to be reached.
        bound: Whether the target is the most or the least.
    """

    value: float
    target: float
    bound: Literal["at most", "at least"]

    @property
    def holds(self) -> bool:
        """Whether the target is reached."""
        return self.value <= self.target if self.bound == "at most" else self.value >= self.target


def report(line: str) -> None:
    """Tell a person how the benchmark goes, on stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def print_verdict(figures: dict[str, Figure], details: dict[str, object]) -> bool:
    """Print one line of JSON and return whether every figure holds."""
    verdict = {
        name: {
            "value": round(figure.value, 4),
            "target": figure.target,
            "bound": figure.bound,
            "holds": figure.holds,
        }
        for name, figure in figures.items()
    }
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
    }
    print(json.dumps({"verdict": verdict, "details": details, "machine": machine}))
    return all(figure.holds for figure in figures.values())
