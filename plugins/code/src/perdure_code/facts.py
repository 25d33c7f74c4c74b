"""The base of what is found out about a repository; each step of the agent returns such."""

from pydantic import BaseModel, ConfigDict


class Fact(BaseModel):
    """The base of every model here: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
