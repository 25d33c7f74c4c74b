"""Parameters that an agent has to refuse, derived from its parameters model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, JsonValue, ValidationError

UNKNOWN_FIELD: Final = "no_such_parameter"
# One of these does not fit whatever a field takes, unless it takes anything.
_WRONG_VALUES: Final[tuple[JsonValue, ...]] = ({"no": ["such", "thing"]}, [[[]]], -1.5, "\0", None)


@dataclass(frozen=True, slots=True)
class InvalidParameters:
    """Parameters with one mistake.

    Attributes:
        field: The field with the mistake.
        mistake: The mistake, in words.
        parameters: The parameters.
    """

    field: str
    mistake: str
    parameters: Mapping[str, JsonValue]


def invalid_parameters(
    model: type[BaseModel] | None, valid: Mapping[str, JsonValue]
) -> Iterator[InvalidParameters]:
    """Yield parameters that do not fit a model, each with one mistake.

    Args:
        model: The agent's parameters model; ``None`` when it takes none.
        valid: Parameters that fit it.
    """
    if model is None or model.model_config.get("extra") != "allow":
        mistake = f"the unknown field {UNKNOWN_FIELD!r}"
        yield InvalidParameters(UNKNOWN_FIELD, mistake, {**valid, UNKNOWN_FIELD: 1})
    for field, info in model.model_fields.items() if model else ():
        name = info.alias or field
        if info.is_required():
            rest = {key: value for key, value in valid.items() if key not in {field, name}}
            yield InvalidParameters(name, f"no {name!r}, which is required,", rest)
        for value in _WRONG_VALUES:
            if model is not None and not _accepts(model, {**valid, name: value}):
                yield InvalidParameters(name, f"{value!r} as {name!r}", {**valid, name: value})
                break


def _accepts(model: type[BaseModel], parameters: Mapping[str, JsonValue]) -> bool:
    try:
        model.model_validate(dict(parameters))
    except ValidationError:
        return False
    except Exception:  # noqa: BLE001 -- a validator that breaks is what the contract is to find
        return False
    return True
