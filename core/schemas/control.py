"""What is done with a run: cancel, pause, resume, terminate, signal, retry, run again."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from perdure.models import MAX_DESCRIPTION_CHARACTERS, Parameters
from perdure.models.base import RequestModel
from perdure.schemas.goals import BudgetRequest


class CancelResponse(BaseModel):
    """The run is asked to stop, or had ended before.

    Attributes:
        workflow_id: The run.
        status: ``cancelling``, or the final status that it had before.
    """

    workflow_id: str
    status: Literal["cancelling", "completed", "failed", "cancelled", "terminated"]


class PauseResponse(BaseModel):
    """The run pauses at its next step boundary; its status says when it has."""

    workflow_id: str
    status: Literal["pausing"] = "pausing"


class ResumeResponse(BaseModel):
    """The run goes on."""

    workflow_id: str
    status: Literal["resuming"] = "resuming"


class TerminateResponse(BaseModel):
    """The run has ended: ``terminated``, or the final status that it had before."""

    workflow_id: str
    status: Literal["completed", "failed", "cancelled", "terminated"]


class RetryResponse(BaseModel):
    """The run goes on from its journal, under the same workflow id."""

    workflow_id: str
    status: Literal["started"] = "started"


class RetryAllResponse(BaseModel):
    """The runs that go on from their journals."""

    workflow_ids: list[str]


class SignalResponse(BaseModel):
    """The signal is stored for the run, whether it waits for it now or later.

    Attributes:
        workflow_id: The run.
        name: The signal's name.
        number: The number of the signal among those of its name, from 1.
    """

    workflow_id: str
    name: str
    number: int


class TerminateRequest(RequestModel):
    """Why a run is terminated, for the record."""

    reason: Annotated[str, Field(max_length=1_000)] = ""


class RunAgainRequest(RequestModel):
    """What a run is to be run again with; what is not given stays as it was.

    Attributes:
        from_step: The step to go on from, such as ``read#3``: what had been finished before it is
            taken over and not paid again. The whole goal is done anew when it is not given.
        description: What the agent is to achieve.
        parameters: All of the agent's parameters.
        budget: What the new run may use at most.
        by: Who has it run again; the caller's name when it is not given.
    """

    from_step: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = None
    description: Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION_CHARACTERS)] | None = (
        None
    )
    parameters: Parameters | None = None
    budget: BudgetRequest | None = None
    by: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""


class RunAgainResponse(BaseModel):
    """The new run is started.

    Attributes:
        workflow_id: The new run.
        made_from: The run that it was made from.
        taken_over: How many finished steps it has from that one's journal.
    """

    workflow_id: str
    status: Literal["started"] = "started"
    made_from: str
    taken_over: int
