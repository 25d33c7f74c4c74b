"""``perdure plugins check``: whether strangers can trust a plugin."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from packaging.utils import canonicalize_name

from perdure.testing.checks.imports import check_imports
from perdure.testing.checks.metadata import check_metadata, modules_of
from perdure.testing.checks.probe import MARK
from perdure.testing.checks.tests import check_tests
from perdure.testing.checks.verdicts import Verdict, failed, not_checked, ok

IMPORT_SECONDS: Final = 1.0
_PROBE_SECONDS: Final = 300.0


class NoSuchPlugin(Exception):
    """There is nothing to check; the message says what was looked for."""


def check_plugin(name: str) -> Iterator[Verdict]:
    """Check an installed plugin, or the project it is installed from.

    Args:
        name: The folder of a project that is installed, or a distribution, with or without
            ``perdure-`` before it.

    Yields:
        A verdict on each thing, as soon as it is known.

    Raises:
        NoSuchPlugin: Nothing of that name is installed, and no such folder holds a project.
    """
    project = Path(name) if (Path(name) / "pyproject.toml").is_file() else None
    found = _find_distribution(_project_name(project) if project else name, name, project)
    yield ok("installed", f"{canonicalize_name(found.name)} {found.version}")
    yield from check_metadata(found)
    modules = modules_of(found)
    if not modules:
        return
    module = modules[0].partition(":")[0]
    yield _check_source(found, module)
    if project is not None and (project / "tests").is_dir():
        yield check_imports("imports of tests", project / "tests", tests=True)
    description = _describe_plugin(canonicalize_name(found.name))
    yield from _check_loading(description, module)
    if description.get("status") != "loaded":
        # Its tests would import it too, each with no limit.
        yield not_checked("tests", "the plugin is not loaded")
        return
    agents = description.get("agents") or []
    yield from _check_descriptions(description)
    if project is not None and (project / "tests").is_dir():
        yield from check_tests(project, [agent["name"] for agent in agents])
        return
    if project is not None:
        yield failed("tests", f"{project} has no folder tests: write one, with the contract in it")
    for agent in agents:
        yield _check_example(agent)


def _find_distribution(name: str, argument: str, project: Path | None) -> Distribution:
    for candidate in (name, f"perdure-{name}"):
        try:
            return distribution(candidate)
        except (PackageNotFoundError, ValueError):
            continue
    if project is not None:
        raise NoSuchPlugin(f"{name} is not installed: run pip install -e {argument}")
    raise NoSuchPlugin(
        f"no plugin {argument!r} is installed, and it is no folder with a pyproject.toml: name one"
        " that perdure plugins lists, or a project's folder"
    )


def _project_name(project: Path) -> str:
    file = project / "pyproject.toml"
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        return str(content["project"]["name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoSuchPlugin(f"{file} names no project ({error!r}): write [project] name") from None


def _check_source(found: Distribution, module: str) -> Verdict:
    top = module.partition(".")[0]
    places = []
    for name in dict.fromkeys([top, *_top_level(found)]):
        # Not imported: what an import does is measured in a process of its own.
        spec = find_spec(name)
        origin = (
            Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None
        )
        if origin is not None:
            places.append(origin.parent if origin.name == "__init__.py" else origin)
        elif spec is not None and spec.submodule_search_locations:
            places += [Path(folder) for folder in spec.submodule_search_locations]
        elif name == top:
            return failed("imports", f"package {top!r} cannot be found: list it in pyproject.toml")
    return check_imports("imports", *places)


def _top_level(found: Distribution) -> list[str]:
    """Return the modules that a distribution says it brings, its tests left out."""
    names = (found.read_text("top_level.txt") or "").split()
    return [name for name in names if name.isidentifier() and name not in {"test", "tests"}]


def _check_loading(description: Mapping[str, Any], module: str) -> Iterator[Verdict]:
    if "error" in description:
        yield failed("loading", str(description["error"]))
        return
    if description["status"] != "loaded":
        yield failed("loading", f"{description['reason']}")
        return
    hooks = ", ".join(description["hooks"])
    yield ok("loading", f"a fresh process loads it; hooks: {hooks}")
    seconds = float(description["seconds"])
    if seconds > IMPORT_SECONDS:
        yield failed(
            "import time",
            f"importing {module} takes {seconds:.1f} s, and every command waits for it: import what"
            " is heavy inside the functions that use it",
        )
    else:
        yield ok("import time", f"{seconds * 1000:.0f} ms beyond the core's")


def _check_descriptions(description: Mapping[str, Any]) -> Iterator[Verdict]:
    if description.get("schema_error"):
        yield failed(
            "parameters",
            f"the agents' parameters have no JSON schema ({description['schema_error']}): use types"
            " that Pydantic can describe",
        )
    for agent in description.get("agents") or []:
        check, name = f"words of {agent['name']}", agent["name"]
        undescribed = [
            parameter["name"]
            for parameter in agent["parameters"]
            if not parameter["description"].strip()
        ]
        if undescribed:
            yield failed(
                check,
                f"parameter {undescribed[0]!r} of {name!r} has no description: write"
                ' Field(description="…")',
            )
        elif not agent["examples"]:
            yield failed(check, f"agent {name!r} has no examples: give its specification one")
        else:
            yield ok(check, f"description, example and {len(agent['parameters'])} parameters")


def _describe_plugin(name: str) -> dict[str, Any]:
    description = _run_probe("describe", name)
    seconds = float(description.get("seconds", 0))
    if seconds > IMPORT_SECONDS:
        # The machine may have been busy: the quicker of two counts.
        second = _run_probe("describe", name)
        description["seconds"] = min(seconds, second.get("seconds", seconds))
    return description


def _check_example(agent: Mapping[str, Any]) -> Verdict:
    """Run the contract with an agent's own example, where that needs nothing besides."""
    check, required = f"contract of {agent['name']}", _required_parameter(agent)
    if required:
        return not_checked(
            check,
            f"parameter {required!r} has no default: name the project's folder to run its tests",
        )
    example = (agent["examples"] or [agent["description"]])[0]
    outcomes = _run_probe("contract", agent["name"], example)
    if "error" in outcomes:
        return failed(check, str(outcomes["error"]))
    failures = [reason for reason in outcomes.values() if reason]
    if not failures:
        return ok(check, f"all {len(outcomes)} tests pass with {example!r}")
    if any(words in failures[0] for words in _NO_CASE):
        return not_checked(check, f"with {example!r} alone {failures[0]}")
    return failed(check, failures[0])


# How the contract says that the example alone makes no case for it.
_NO_CASE: Final = (
    "the contract's own parameters are refused",
    "the agent waits, and nobody answers",
    "instead of a result",
)


def _required_parameter(agent: Mapping[str, Any]) -> str:
    return next((one["name"] for one in agent["parameters"] if one["required"]), "")


def _run_probe(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "perdure.testing.checks.probe", *arguments]
    with TemporaryDirectory(prefix="perdure-check-") as folder:
        # From nowhere in particular: what is found only beside the project is not installed.
        environment = os.environ | {"PYTHONSAFEPATH": "1", "PERDURE_HOME": folder}
        try:
            process = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=_PROBE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"it did not end within {_PROBE_SECONDS:.0f} s in a fresh process"}
    for line in reversed(process.stdout.splitlines()):
        if line.startswith(MARK):
            findings: dict[str, Any] = json.loads(line.removeprefix(MARK))
            return findings
    last = (process.stderr.strip().splitlines() or ["it said nothing"])[-1]
    return {"error": f"a fresh process ended with status {process.returncode} ({last})"}
