"""What the pages below ``docs/agents`` show of the agents' results, made anew by their commands.

``python -m tests.docs.agent_results``, in the clone's root, writes the shown files again. What a
section shows are the files below ``docs/_static`` that it names; ``summary.md`` stands for the
result's summary, any other for the artifact of that name. Paths are shown as they are typed, from
the clone's root, wherever that is.
"""

import asyncio
import re
import shlex
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure.agents.plugins.registry import installed_agents
from perdure.cli.arguments.parameters import read_parameters
from perdure.testing import rehearse

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted((ROOT / "docs" / "agents").glob("*.md"))
SHOWN: Final = ROOT / "docs" / "_static" / "agents"

_SECTION: Final = re.compile(r"^(?=## )", re.MULTILINE)
_COMMAND: Final = re.compile(r"^```console\n\$ (.*?)^```", re.MULTILINE | re.DOTALL)
_FILE: Final = re.compile(r"\.\./_static/agents/(\w+/[\w-]+)/([\w./-]+)")


@dataclass(frozen=True)
class ShownResult:
    """A command on a page, and what the page shows of its result.

    Attributes:
        command: What is typed.
        folder: Where the shown files are, below ``docs/_static/agents``.
        names: Their names in that folder.
    """

    command: str
    folder: str
    names: tuple[str, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """The shown files."""
        return tuple(SHOWN / self.folder / name for name in self.names)

    def delivered(self) -> dict[str, bytes]:
        """Run the command in memory, without a server; return its content for each shown name."""
        _, _, agent, description, *options = shlex.split(self.command.replace("\\\n", " "))
        assert set(options[::2]) == {"--param"}, options
        spec = installed_agents().agent(agent).spec
        with chdir(ROOT):
            parameters = read_parameters(options[1::2], spec.parameters)
            done = asyncio.run(rehearse(spec, description, parameters))
        files = {**done.files, "summary.md": f"{done.result.summary}\n".encode()}
        return {name: files[name].replace(f"{ROOT}/".encode(), b"") for name in self.names}


def shown_results() -> Iterator[ShownResult]:
    """Read the pages, section by section."""
    for page in PAGES:
        for section in _SECTION.split(page.read_text(encoding="utf-8"))[1:]:
            command = _COMMAND.search(section)
            named = sorted(set(_FILE.findall(section)))
            assert command, f"{page.name} has a section without a command: {section[:40]!r}"
            (folder,) = {folder for folder, _ in named}
            yield ShownResult(command[1].strip(), folder, tuple(name for _, name in named))


def main() -> None:
    """Write every shown file as it comes out now."""
    for shown in shown_results():
        for name, content in shown.delivered().items():
            file = SHOWN / shown.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


if __name__ == "__main__":
    main()
