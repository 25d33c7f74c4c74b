"""Reading a policy from its file; what is wrong is said with the line that it stands in."""

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from perdure.policy.errors import PolicyInvalid
from perdure.policy.policy import Policy
from perdure.policy.rules import (
    CostCondition,
    PolicyFile,
    Rule,
    TimeCondition,
    ValueCondition,
    When,
)

_MAX_PROBLEMS: Final = 20
_Location = tuple[int | str, ...]


def load_policy(path: Path | None) -> Policy | None:
    """Read the policy that the settings name.

    Args:
        path: Its file; ``None`` where there is no policy.

    Raises:
        PolicyInvalid: It cannot be read, or what it says is not valid.
    """
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise PolicyInvalid(
            (f"the policy {path} cannot be read ({reason}): give PERDURE_POLICY a file of rules",)
        ) from error
    return parse_policy(text, source=str(path))


def parse_policy(text: str, *, source: str) -> Policy:
    """Read a policy from the text of its file.

    Args:
        text: YAML.
        source: The file's name, for errors and for the record.

    Raises:
        PolicyInvalid: What it says is not valid; with a sentence for each thing that is wrong.
    """
    import yaml

    from perdure.policy.yaml_text import read_yaml

    try:
        tree, document = read_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PolicyInvalid((_unreadable(error, source),)) from error
    if not isinstance(document, dict):
        raise PolicyInvalid(
            (f"{source}: this is no policy: write default: and rules: into it, at its beginning",)
        )
    problems = list(_repeated_names(tree, document))
    try:
        file = PolicyFile.model_validate(document)
    except ValidationError as error:
        problems += [_problem(dict(item), tree) for item in error.errors()]
    if problems:
        sentences = [f"{source}, line {line}: {what}" for line, what in sorted(set(problems))]
        raise PolicyInvalid(tuple(sentences[:_MAX_PROBLEMS]))
    digest = hashlib.sha256(text.encode()).hexdigest()
    lines = tuple(_line_of(tree, ("rules", index)) for index in range(len(file.rules)))
    return Policy(file, source=source, digest=digest, lines=lines)


def _unreadable(error: Exception, source: str) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"{source}, line {mark.line + 1}" if mark is not None else source
    what = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return f"{where}: this is no YAML ({what}): mind the indentation, and quote texts with colons"


def _problem(item: Mapping[str, Any], tree: Any) -> tuple[int, str]:
    location: _Location = item["loc"]
    kind = item["type"]
    if kind == "extra_forbidden":
        line = _line_of_key(tree, location)
        what = f"{_named(location)} is not known{_advice(location)}"
    elif kind == "missing":
        line = _line_of(tree, location[:-1])
        what = f"{_named(location[:-1]) or 'the policy'} lacks {location[-1]!r}"
    elif kind == "too_short":
        line = _line_of_key(tree, location)
        what = f"{_named(location)}: it is empty: give at least one, or leave it out"
    else:
        line = _line_of_key(tree, location)
        message = str(item["msg"]).removeprefix("Value error, ")
        message = message.replace("a valid tuple", "a list").replace("a valid dictionary", "fields")
        what = f"{_named(location)}: {message[:1].lower()}{message[1:]}"
    return line, what


def _named(location: _Location) -> str:
    """Return a place in the file as people count: ``rule 2, when.agent``."""
    if location[:1] == ("rules",) and len(location) > 1 and isinstance(location[1], int):
        rest = ".".join(map(str, location[2:]))
        return f"rule {location[1] + 1}" + (f", {rest}" if rest else "")
    return ".".join(map(str, location))


def _advice(location: _Location) -> str:
    known = _known_fields(location[:-1])
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    if close:
        return f": is it {close[0]!r} that is meant?"
    return f": known here are {', '.join(known)}"


def _known_fields(parent: _Location) -> Sequence[str]:
    names = [part for part in parent if isinstance(part, str)]
    if not names:
        return list(PolicyFile.model_fields)
    if names == ["rules"]:
        return list(Rule.model_fields)
    if names == ["rules", "when"]:
        return list(When.model_fields)
    if names[2:3] == ["cost"]:
        return list(CostCondition.model_fields)
    if names[2:3] == ["time"]:
        return list(TimeCondition.model_fields)
    return [field.alias or name for name, field in ValueCondition.model_fields.items()]


def _repeated_names(tree: Any, document: Mapping[str, object]) -> Iterator[tuple[int, str]]:
    """Yield fields that are given twice, of which YAML takes the last, and rules of one name."""
    pending, seen = [tree], set[int]()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        keys: set[str] = set()
        for child in node.value if isinstance(node.value, list) else ():
            if not isinstance(child, tuple):
                pending.append(child)
                continue
            key, value = child
            if key.value in keys:
                yield _line(key), f"{key.value!r} is given twice: leave one of them out"
            if isinstance(key.value, str):
                keys.add(key.value)
            pending.append(value)
    rules = document.get("rules")
    first: dict[str, int] = {}
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        name = rule.get("name") if isinstance(rule, dict) else None
        if not isinstance(name, str):
            continue
        line = _line_of(tree, ("rules", index))
        if name.strip() in first:
            yield (
                line,
                (
                    f"rule {index + 1} is called {name!r} as the one in line"
                    f" {first[name.strip()]} is: give it another name"
                ),
            )
        first.setdefault(name.strip(), line)


def _line_of(tree: Any, location: _Location) -> int:
    """Return the line of a place, or of the nearest that stands in the file."""
    node = tree
    for part in location:
        child = _child(node, part)
        if child is None:
            break
        node = child
    return _line(node)


def _line_of_key(tree: Any, location: _Location) -> int:
    parent = tree
    line = _line(tree)
    for part in location:
        for key, _ in _pairs(parent):
            if key.value == str(part):
                line = _line(key)
        child = _child(parent, part)
        if child is None:
            break
        if not list(_pairs(parent)):
            line = _line(child)
        parent = child
    return line


def _child(node: Any, part: int | str) -> Any:
    if isinstance(part, int):
        items = node.value if isinstance(node.value, list) else []
        is_item = part < len(items) and not isinstance(items[part], tuple)
        return items[part] if is_item else None
    return next((value for key, value in _pairs(node) if key.value == part), None)


def _pairs(node: Any) -> Iterator[tuple[Any, Any]]:
    for child in node.value if isinstance(node.value, list) else ():
        if isinstance(child, tuple):
            yield child


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1
