"""Parameters that an agent ought to refuse, found in its model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, JsonValue, ValidationError

UNKNOWN: Final = "no_such_parameter"
# One of these does not fit whatever a field takes, unless it takes anything.
_MISFITS: Final[tuple[JsonValue, ...]] = ({"no": ["such", "thing"]}, [[[]]], -1.5, "\0", None)


@dataclass(frozen=True, slots=True)
class Wrong:
    """Parameters with one mistake.

    Attributes:
        field: The field with the mistake.
        what: The mistake, in words.
        parameters: The parameters.
    """

    field: str
    what: str
    parameters: Mapping[str, JsonValue]


def wrong_parameters(
    model: type[BaseModel] | None, good: Mapping[str, JsonValue]
) -> Iterator[Wrong]:
    """Yield parameters that do not fit a model, each with one mistake.

    Args:
        model: The agent's parameters model; ``None`` when it takes none.
        good: Parameters that fit it.
    """
    if model is None or model.model_config.get("extra") != "allow":
        yield Wrong(UNKNOWN, f"the unknown field {UNKNOWN!r}", {**good, UNKNOWN: 1})
    for field, described in model.model_fields.items() if model else ():
        name = described.alias or field
        if described.is_required():
            rest = {key: value for key, value in good.items() if key not in {field, name}}
            yield Wrong(name, f"no {name!r}, which is required,", rest)
        for misfit in _MISFITS:
            if model is not None and not _takes(model, {**good, name: misfit}):
                yield Wrong(name, f"{misfit!r} as {name!r}", {**good, name: misfit})
                break


def _takes(model: type[BaseModel], parameters: Mapping[str, JsonValue]) -> bool:
    try:
        model.model_validate(dict(parameters))
    except ValidationError:
        return False
    except Exception:  # noqa: BLE001 -- a validator that breaks is what the contract is to find
        return False
    return True
