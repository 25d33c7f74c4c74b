"""YAML as people read it: ``no`` is Norway and no boolean, and ``12:30`` no number."""

import re
from typing import Any

import yaml

_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_NULL = re.compile(r"~|null|Null|NULL|")


class _Loader(yaml.SafeLoader):
    """Reads plain scalars as YAML 1.2 does, where PyYAML keeps to 1.1."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("bool", _BOOLEAN, "tTfF"),
    ("int", _INTEGER, "-+0123456789"),
    ("float", _NUMBER, "-+.0123456789"),
    ("null", _NULL, ["~", "n", "N", ""]),
):
    _whole = re.compile(rf"^(?:{_pattern.pattern})$")
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _whole, list(_first))


def read_yaml(text: str) -> tuple[Any, Any]:
    """Return the tree of a text's nodes, which know their lines, and what it says.

    Raises:
        yaml.YAMLError: It is no YAML, or several documents.
        ValueError: A value in it is none.
        RecursionError: It is nested too deeply.
    """
    return yaml.compose(text, Loader=_Loader), yaml.load(text, Loader=_Loader)  # noqa: S506 -- a safe one
