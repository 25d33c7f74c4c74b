"""Other programs on the same files, for comparison: markitdown and pandas."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from evals.analysis.profiles import TableScore
from evals.document import extraction as document
from evals.document.extraction import DocumentScore, Extracted
from evals.environments import environment_of

_PROCESS: Final = Path(__file__).with_name("process.py")
_ANSWER: Final = TypeAdapter(dict[str, str | None])
_FACTS: Final = TypeAdapter(dict[str, dict[str, float]])


def read_with_markitdown(scores: Sequence[DocumentScore]) -> list[DocumentScore]:
    """Return how far markitdown extracts what a person sees, from the same files."""
    made = _answers("markitdown", [one.case.path for one in scores])
    return [
        document.score(one.case, Extracted(made[str(one.case.path)] or "", refusal="none given"))
        for one in scores
    ]


def pandas_answers(scores: Sequence[TableScore]) -> dict[str, dict[str, dict[str, float]]]:
    """Return what pandas says of columns of numbers, by file and column, where it can be asked."""
    files = [one.case.path for one in scores if one.case.peer]
    made = _answers("pandas", files)
    return {file.name: _FACTS.validate_json(made[str(file)] or "{}") for file in files}


def _answers(name: str, files: Sequence[Path]) -> dict[str, str | None]:
    """Return what another program makes of files, by path; ``None`` where it fails.

    Args:
        name: ``markitdown``, whose answer is Markdown; or ``pandas``, whose answer is JSON: of each
            column of numbers its count, mean, minimum and maximum.
        files: Absolute paths.
    """
    done = subprocess.run(
        [environment_of("evals"), str(_PROCESS), name],
        input=json.dumps([str(file) for file in files]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return _ANSWER.validate_json(done.stdout.splitlines()[-1])
