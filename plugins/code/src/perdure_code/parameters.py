"""The parameters of the code agent."""

from pydantic import BaseModel, ConfigDict, Field

from perdure.agents import InputPath


class CodeParameters(BaseModel):
    """The parameters of a goal for the ``code`` agent.

    Attributes:
        path: The folder of the repository, as the worker sees it.
        tests: Whether to run the repository's tests, which executes its code.
        tests_timeout: Seconds after which its tests are stopped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: InputPath = Field(description="folder of a Python repository, as the worker sees it")
    tests: bool = Field(
        default=True,
        description="run the repository's tests; this executes its code with the worker's rights",
    )
    tests_timeout: float = Field(
        default=120.0, ge=1, le=600, description="seconds after which its tests are stopped"
    )
