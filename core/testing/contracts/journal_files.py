"""Journals kept in files from one test run to the next, as a goal goes on in another worker.

``perdure plugins check`` runs the contract twice, in processes whose sets and hashes differ, and
names the folder for both in ``PERDURE_CONTRACT_JOURNALS``.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.memory import MemoryJournal
from perdure.models import Failure, Usage
from perdure.testing.contracts.errors import BrokenContract
from perdure.testing.in_memory.execution import AgentCase, ExecutionRecord

JOURNALS_VARIABLE: Final = "PERDURE_CONTRACT_JOURNALS"
# … and the file in which a test run writes down how each contract ended.
REPORT_VARIABLE: Final = "PERDURE_CONTRACT_REPORT"
# A file that is made among the journals once all of the first run's are there …
ALL_SAVED: Final = "all-there"
# … so that one that is missing then is told from one that is still to be written.
PARAMETERS_DIFFER: Final = (
    "its parameters differ from run to run, so nothing was compared: make them once for the class"
)


class _Step(BaseModel):
    name: str
    digest: str
    occurrence: int
    value: str | None
    failure: Failure | None
    usage: Usage


class _JournalFile(BaseModel):
    steps: list[_Step]


def load_or_save_journal(case: AgentCase, first: ExecutionRecord) -> MemoryJournal | None:
    """Return the journal of an earlier run of the same case, or save this one's for the next.

    Raises:
        BrokenContract: There was an earlier run, of another case.
    """
    folder = os.environ.get(JOURNALS_VARIABLE)
    if not folder:
        return None
    identity = json.dumps([case.spec.name, case.description, dict(case.parameters)], sort_keys=True)
    file = Path(folder) / f"{hashlib.sha256(identity.encode()).hexdigest()}.json"
    if not file.exists():
        if (Path(folder) / ALL_SAVED).exists():
            raise BrokenContract(PARAMETERS_DIFFER)
        file.write_text(_as_json(first.journal.wrapped), encoding="utf-8")
        return None
    journal = MemoryJournal()
    for step in _JournalFile.model_validate_json(file.read_text(encoding="utf-8")).steps:
        key = StepKey(step.name, step.digest, step.occurrence)
        journal.steps[key] = StepOutcome(step.value, step.failure, 0.0, step.usage)
    return journal


def _as_json(journal: MemoryJournal) -> str:
    steps = [
        _Step(
            name=key.name,
            digest=key.digest,
            occurrence=key.occurrence,
            value=outcome.value,
            failure=outcome.failure,
            usage=outcome.usage,
        )
        for key, outcome in journal.steps.items()
    ]
    return _JournalFile(steps=steps).model_dump_json()
