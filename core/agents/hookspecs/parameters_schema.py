"""The JSON Schema of an agent's parameters, generated once for each model."""

import warnings
from functools import lru_cache

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import PydanticJsonSchemaWarning


@lru_cache(maxsize=512)
def schema_of(model: type[BaseModel]) -> dict[str, JsonValue]:
    """Return a model's JSON Schema, which is cached: callers must not change it.

    Raises:
        pydantic.errors.PydanticUserError: It has none.
    """
    with warnings.catch_warnings():
        # A default that JSON cannot hold is left out; whoever lists agents need not see a warning.
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
        return model.model_json_schema()
