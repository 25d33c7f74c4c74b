"""A Dockerfile's instructions, as far as ours uses them, and what its context holds."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_OPTIONS: Final = re.compile(r"(?:--\w+=\S+ +)*")
_KNOWN: Final = {"CMD", "COPY", "ENTRYPOINT", "ENV", "RUN", "USER"}


class DockerfileRefused(Exception):
    """A Dockerfile says what cannot be done here; the message names it."""


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        name: Such as ``RUN``, in capitals.
        options: Its ``--name=value``.
        text: What follows these.
    """

    name: str
    options: dict[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        """What follows, as words: of a JSON list, or as a shell reads them."""
        if self.text.startswith("["):
            return [str(word) for word in json.loads(self.text)]
        return shlex.split(self.text)


@dataclass(frozen=True)
class Stage:
    """A stage of a build.

    Attributes:
        base: The image, or the earlier stage, that it begins with.
        name: What later stages call it; empty when they do not.
        instructions: What is done then.
    """

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that it sets."""
        pairs = [one.words for one in self.instructions if one.name == "ENV"]
        return dict(word.partition("=")[::2] for words in pairs for word in words)

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """What starts what is run in the image."""
        return tuple(self._last("ENTRYPOINT"))

    @property
    def user(self) -> str:
        """Who runs it; empty for root."""
        return "".join(self._last("USER"))

    def _last(self, name: str) -> list[str]:
        found = [one.words for one in self.instructions if one.name == name]
        return found[-1] if found else []


def read_dockerfile(path: Path) -> list[Stage]:
    """Return the stages of a Dockerfile.

    Raises:
        DockerfileRefused: It has an instruction that is not known here.
    """
    stages: list[Stage] = []
    for line in _lines(path.read_text(encoding="utf-8")):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            base, *alias = rest.split()
            stages.append(Stage(base, alias[-1] if alias else ""))
            continue
        if name not in _KNOWN or not stages:
            raise DockerfileRefused(f"{path}: {name} is no instruction that is known here")
        head = _OPTIONS.match(rest)
        assert head is not None  # it fits anything
        options = dict(re.findall(r"--(\w+)=(\S+)", head[0]))
        text = rest[head.end() :]
        stages[-1].instructions.append(Instruction(name, options, text))
    return stages


def _lines(text: str) -> Iterator[str]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return (line.strip() for line in joined.splitlines() if line.strip())


def context_files(context: Path, ignore: Path) -> Iterator[Path]:
    """Yield the files of a context that its ignore file leaves in, relative to it.

    Args:
        context: The folder that is built from.
        ignore: The ignore file; each of its patterns is for a path or a folder above, and the last
            that fits decides.
    """
    lines = ignore.read_text(encoding="utf-8").splitlines()
    rules = [
        (not line.startswith("!"), _pattern(line.removeprefix("!")))
        for line in lines
        if line.strip() and not line.startswith("#")
    ]
    wanted = [line.removeprefix("!").partition("/")[0] for line in lines if line.startswith("!")]
    for top in sorted(context.iterdir()):
        # Else what is large and left out, such as environments, would be walked through.
        if _is_left_out(Path(top.name), rules) and top.name not in wanted:
            continue
        for path in sorted([top, *top.rglob("*")]):
            name = path.relative_to(context)
            if path.is_file() and not _is_left_out(name, rules):
                yield name


def _is_left_out(name: Path, rules: list[tuple[bool, re.Pattern[str]]]) -> bool:
    left_out = False
    paths = [str(name), *(str(above) for above in name.parents if above != Path())]
    for leaves_out, pattern in rules:
        if any(pattern.fullmatch(path) for path in paths):
            left_out = leaves_out
    return left_out


def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*)", text.strip().strip("/"))
    meaning = {"**/": "(?:.*/)?", "*": "[^/]*"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts))
