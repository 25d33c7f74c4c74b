"""The base classes of the models."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """The base of every model here: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LastingModel(Model):
    """The base of what Temporal keeps with a run: fields that a later version added are ignored."""

    model_config = ConfigDict(extra="ignore")
