"""The page of settings, from the fields and the docstring of ``Settings``."""

import inspect
from pathlib import Path

from pydantic.fields import FieldInfo

from perdure.settings import Settings
from reference.docstrings import attributes


def markdown() -> str:
    """Return one section for each setting, in the order in which they are declared."""
    told = attributes(inspect.getdoc(Settings))
    parts = []
    for name, field in Settings.model_fields.items():
        if name not in told:
            raise LookupError(f"the docstring of Settings says nothing of {name}")
        variable = f"PERDURE_{name.upper()}"
        meaning = told[name].removeprefix(f"``{variable}``: ")
        meaning = meaning[0].upper() + meaning[1:]
        parts.append(f"### {variable}\n\n{meaning}\n\n{_default(field)}\n")
    return "\n".join(parts)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Path):
        home = Path.home()
        shown = f"~/{value.relative_to(home)}" if value.is_relative_to(home) else value.name
        return f"Default: as your system has it, such as `{shown}`."
    if value is None or value in ("", (), {}):
        return "Default: none."
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    return f"Default: `{shown.lower()}`."
