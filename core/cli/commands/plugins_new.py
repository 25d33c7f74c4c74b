"""``perdure plugins new``: make a package with one agent, as ``templates/agent`` has it."""

import keyword
import re
import shlex
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Final

import click

from perdure.cli.output.printing import print_json
from perdure.cli.runtime.command import command_errors, json_option

# What the template's own agent is called; every other name is put in its place.
TEMPLATE_NAME: Final = "my-agent"
TEMPLATE_BOUNDS: Final = "perdure>=0.1,<0.2"
# Longer ones would not fit on one line of the package, which is formatted as it is made.
LONGEST_NAME: Final = 32
# The agent's function has the agent's name, among these others.
NAMES_IN_TEMPLATE: Final = frozenset(
    {"agent", "count_words", "hookimpl", "pytest", "register_agents", "rehearse"}
)
_EXAMPLE: Final = '"Which words does this text use most?" --param text="to be or not to be"'


class NameRefused(Exception):
    """No package can be made with that name."""


class FolderRefused(Exception):
    """The package cannot be written where it should be."""


@click.command()
@click.argument("name")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where to make the folder NAME.  [default: the current folder]",
)
@json_option
@command_errors
def new(name: str, directory: Path, as_json: bool) -> None:
    """Make a package with the agent NAME, its tests and all it needs to be published.

    The package is called perdure-NAME and lies in the folder NAME. It works as it is: install it,
    run its tests, run the agent.
    """
    check_name(name)
    folder = directory / name
    written = make_package(name, folder)
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
                "files": [str(path) for path in written],
                "next": steps,
            }
        )
        return
    click.echo(f"Made {shown}, the package perdure-{name} with the agent {name}. Next:\n")
    for step in steps:
        click.echo(f"  {step}")


def check_name(name: str) -> None:
    """See that a package can be made with the name, beside all that is installed.

    Raises:
        NameRefused: It is none for an agent, or somebody has it.
    """
    from perdure.agents.plugins.registry import installed_agents
    from perdure.models import AGENT_NAME_PATTERN

    if not re.fullmatch(AGENT_NAME_PATTERN, name):
        raise NameRefused(
            f"agent name {name!r} must be lower-case words joined by hyphens: {_better(name)}"
        )
    if len(name) > LONGEST_NAME:
        raise NameRefused(
            f"agent name {name!r} is too long: choose one of at most {LONGEST_NAME} characters"
        )
    if name.startswith("perdure-"):
        bare = name.removeprefix("perdure-")
        raise NameRefused(
            f"the package's name begins with perdure- by itself: perdure plugins new {bare}"
        )
    if keyword.iskeyword(_module_of(name)) or _module_of(name) in NAMES_IN_TEMPLATE:
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
        folder: Where.

    Returns:
        The files, relative to the folder.

    Raises:
        FolderRefused: The folder holds something, or cannot be written.
    """
    words = {
        TEMPLATE_BOUNDS: f"perdure{core_bounds()}",
        TEMPLATE_NAME: name,
        _module_of(TEMPLATE_NAME): _module_of(name),
    }
    written = []
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise FolderRefused(
                f"the folder {folder} exists and is not empty: choose another with --directory"
            )
        for path, text in _template():
            written.append(PurePosixPath(_renamed(str(path), words)))
            place = folder / written[-1]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(_renamed(text, words), encoding="utf-8")
    except OSError as error:
        raise FolderRefused(
            f"cannot write the package to {folder} ({error.strerror}): choose another place with"
            " --directory"
        ) from error
    return written


def core_bounds() -> str:
    """Return the versions of Perdure that a package made now fits, such as ``>=0.1,<0.2``.

    Below 1.0 a minor version may break plugins, from then on a major one.
    """
    from packaging.version import Version

    from perdure.agents.plugins.discovery import core_version

    core = Version(core_version())
    least = str(core) if core.is_prerelease else f"{core.major}.{core.minor}"
    below = f"0.{core.minor + 1}" if core.major == 0 else str(core.major + 1)
    return f">={least},<{below}"


def _template() -> Iterator[tuple[PurePosixPath, str]]:
    def walk(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
            # Installing compiles the template's modules too, and tools leave what they like.
            if entry.name.endswith(("_cache", "__pycache__", ".egg-info")):
                continue
            if entry.is_dir():
                yield from walk(entry, path / entry.name)
            else:
                yield path / entry.name, entry.read_text(encoding="utf-8")

    return walk(files("perdure.templates") / "agent", PurePosixPath())


def _renamed(text: str, words: dict[str, str]) -> str:
    # All at once: a new name may hold an old one.
    return re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], text)


def _module_of(name: str) -> str:
    return name.replace("-", "_")


def _better(name: str) -> str:
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower())
    better = "-".join(words).lstrip("0123456789-")
    return f"perdure plugins new {better or 'my-agent'}"
