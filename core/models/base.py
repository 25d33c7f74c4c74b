"""The base classes of the models."""

from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

_MAX_FIELDS: Final = 100


class Model(BaseModel):
    """The base of every model here: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LastingModel(Model):
    """The base of what Temporal keeps with a run: fields that a later version added are ignored."""

    model_config = ConfigDict(extra="ignore")


class RequestModel(BaseModel):
    """The base of what a request carries: unknown fields are refused, and many as one.

    A body of four megabytes can hold hundreds of thousands of them, and each takes its time.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, value: object) -> object:
        if isinstance(value, dict) and len(value) > _MAX_FIELDS:
            raise ValueError(
                f"an object here has at most {_MAX_FIELDS} fields: send those that"
                " /openapi.json lists"
            )
        return value


def first_problem(error: ValidationError) -> str:
    """Return the first thing that is wrong with a model's values, behind the field that has it."""
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if field else message
