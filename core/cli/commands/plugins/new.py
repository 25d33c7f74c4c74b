"""``perdure plugins new``: make a package with one agent from ``templates/agent``."""

import keyword
import re
import shlex
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Final

import click

from perdure.cli.output.printing import print_json
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.server_choice import this_machine_only

# The name of the template's own agent; the new name replaces it.
TEMPLATE_NAME: Final = "my-agent"
TEMPLATE_REQUIREMENT: Final = "perdure>=0.1,<0.2"
# Longer ones would not fit on one line of the package, which is formatted as it is made.
MAX_NAME_LENGTH: Final = 32
# The agent's function has the agent's name; these names are used beside it.
RESERVED_NAMES: Final = frozenset(
    {"agent", "count_words", "hookimpl", "pytest", "register_agents", "rehearse"}
)
_EXAMPLE: Final = '"Which words does this text use most?" --param text="to be or not to be"'


class NameRefused(Exception):
    """No package can be made with that name."""


class FolderRefused(Exception):
    """The package cannot be written to the folder."""


@click.command()
@click.argument("name")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where to make the folder NAME.  [default: the current folder]",
)
@json_option
@handle_errors
@this_machine_only
def new(name: str, directory: Path, as_json: bool) -> None:
    """Make a package with the agent NAME, its tests and all it needs to be published.

    The package is called perdure-NAME and lies in the folder NAME. It works as it is: install it,
    run its tests, run the agent.
    """
    check_name(name)
    folder = directory / name
    files = make_package(name, folder)
    shown = shlex.quote(str(folder))
    steps = [
        f"pip install --editable {shlex.quote(f'{folder}[test]')}",
        f"pytest {shown}",
        f"perdure run {name} {_EXAMPLE}",
    ]
    if as_json:
        print_json(
            {
                "name": name,
                "distribution": f"perdure-{name}",
                "folder": str(folder.absolute()),
                "files": [str(path) for path in files],
                "next": steps,
            }
        )
        return
    click.echo(f"Made {shown}, the package perdure-{name} with the agent {name}. Next:\n")
    for step in steps:
        click.echo(f"  {step}")


def check_name(name: str) -> None:
    """Check that a package can be made with the name, beside all that is installed.

    Raises:
        NameRefused: It is no agent's name, or is taken.
    """
    from perdure.agents.plugins.registry import installed_agents
    from perdure.models import AGENT_NAME_PATTERN

    if not re.fullmatch(AGENT_NAME_PATTERN, name):
        raise NameRefused(
            f"agent name {name!r} must be lower-case words joined by hyphens: {_suggestion(name)}"
        )
    if len(name) > MAX_NAME_LENGTH:
        raise NameRefused(
            f"agent name {name!r} is too long: choose one of at most {MAX_NAME_LENGTH} characters"
        )
    if name.startswith("perdure-"):
        short = name.removeprefix("perdure-")
        raise NameRefused(
            f"the package's name begins with perdure- by itself: perdure plugins new {short}"
        )
    if keyword.iskeyword(_module_name(name)) or _module_name(name) in RESERVED_NAMES:
        raise NameRefused(
            f"agent name {name!r} would give its function a name that means something else there:"
            f" choose another, such as 'my-{name}'"
        )
    registry = installed_agents()
    if name in registry.agents:
        raise NameRefused(
            f"agent {name!r} is installed already, by {registry.agents[name].distribution}:"
            " choose another name"
        )
    if any(plugin.distribution == f"perdure-{name}" for plugin in registry.plugins):
        raise NameRefused(f"perdure-{name} is installed already: choose another name")


def make_package(name: str, folder: Path) -> list[PurePosixPath]:
    """Write the package into a folder that is empty or not there yet.

    Args:
        name: The agent's name.
        folder: The folder to write it into.

    Returns:
        The files, relative to the folder.

    Raises:
        FolderRefused: The folder holds something, or cannot be written.
    """
    replacements = {
        TEMPLATE_REQUIREMENT: f"perdure{core_version_range()}",
        TEMPLATE_NAME: name,
        _module_name(TEMPLATE_NAME): _module_name(name),
    }
    written = []
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise FolderRefused(
                f"the folder {folder} exists and is not empty: choose another with --directory"
            )
        for path, text in _template_files():
            written.append(PurePosixPath(_replace(str(path), replacements)))
            file = folder / written[-1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_replace(text, replacements), encoding="utf-8")
    except OSError as error:
        raise FolderRefused(
            f"cannot write the package to {folder} ({error.strerror}): choose another place with"
            " --directory"
        ) from error
    return written


def core_version_range() -> str:
    """Return the versions of Perdure that a package made now fits, such as ``>=0.1,<0.2``.

    Below 1.0 a minor version may break plugins, from then on a major one.
    """
    from packaging.version import Version

    from perdure.version import core_version

    core = Version(core_version())
    lower = str(core) if core.is_prerelease else f"{core.major}.{core.minor}"
    upper = f"0.{core.minor + 1}" if core.major == 0 else str(core.major + 1)
    return f">={lower},<{upper}"


def _template_files() -> Iterator[tuple[PurePosixPath, str]]:
    def walk(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
            # Installing compiles the template's modules too, and tools leave caches there.
            if entry.name.endswith(("_cache", "__pycache__", ".egg-info")):
                continue
            if entry.is_dir():
                yield from walk(entry, path / entry.name)
            else:
                yield path / entry.name, entry.read_text(encoding="utf-8")

    return walk(resources.files("perdure.templates") / "agent", PurePosixPath())


def _replace(text: str, replacements: dict[str, str]) -> str:
    # All at once: a new name may hold an old one.
    return re.sub(
        "|".join(map(re.escape, replacements)), lambda match: replacements[match[0]], text
    )


def _module_name(name: str) -> str:
    return name.replace("-", "_")


def _suggestion(name: str) -> str:
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower())
    suggested = "-".join(words).lstrip("0123456789-")
    return f"perdure plugins new {suggested or 'my-agent'}"
