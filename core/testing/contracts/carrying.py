"""Carrying a journal from one test run to the next, as a goal is carried between workers.

``perdure plugins check`` runs the contract twice, in processes whose sets and hashes differ, and
names the folder for both in ``PERDURE_CONTRACT_JOURNALS``.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from perdure.agents.steps.journal import StepKey, StepOutcome
from perdure.agents.steps.memory import MemoryJournal
from perdure.models import Failure, Usage
from perdure.testing.contracts.broken import BrokenContract
from perdure.testing.contracts.trial import Case, Pass

JOURNALS: Final = "PERDURE_CONTRACT_JOURNALS"
# … and the file in which a test run writes down how each contract ended.
REPORT: Final = "PERDURE_CONTRACT_REPORT"
# A file that stands among the journals once all of the first run's are there …
ALL_THERE: Final = "all-there"
# … so that one that is missing then is told from one that is still to be written.
DIFFERS: Final = (
    "its parameters differ from run to run, so nothing was compared: make them once for the class"
)


class _Step(BaseModel):
    name: str
    digest: str
    occurrence: int
    value: str | None
    failure: Failure | None
    usage: Usage


class _Carried(BaseModel):
    steps: list[_Step]


def carried(case: Case, first: Pass) -> MemoryJournal | None:
    """Return the journal of an earlier run of the same case, or leave this one's for the next.

    Raises:
        BrokenContract: There was an earlier run, of another case.
    """
    folder = os.environ.get(JOURNALS)
    if not folder:
        return None
    asked = json.dumps([case.spec.name, case.description, dict(case.parameters)], sort_keys=True)
    place = Path(folder) / f"{hashlib.sha256(asked.encode()).hexdigest()}.json"
    if not place.exists():
        if (Path(folder) / ALL_THERE).exists():
            raise BrokenContract(DIFFERS)
        place.write_text(_written(first.journal.kept), encoding="utf-8")
        return None
    journal = MemoryJournal()
    for step in _Carried.model_validate_json(place.read_text(encoding="utf-8")).steps:
        key = StepKey(step.name, step.digest, step.occurrence)
        journal.steps[key] = StepOutcome(step.value, step.failure, 0.0, step.usage)
    return journal


def _written(journal: MemoryJournal) -> str:
    steps = [
        _Step(
            name=key.name,
            digest=key.digest,
            occurrence=key.occurrence,
            value=answer.value,
            failure=answer.failure,
            usage=answer.usage,
        )
        for key, answer in journal.steps.items()
    ]
    return _Carried(steps=steps).model_dump_json()
