"""``python -m deploy.native.image_build FOLDER``: the Dockerfile's steps, without an engine.

Each stage is a root file system below the folder, made by debootstrap where the Dockerfile begins
with Debian's Python, and each ``RUN`` a command in bubblewrap. It needs root, as ``apt-get`` does.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.native.dockerfile import (
    DockerfileRefused,
    Instruction,
    Stage,
    context_files,
    read_dockerfile,
)
from deploy.native.programs import DEPLOY

_PACKAGES: Final = "ca-certificates,python3,python3-venv"
_PATH: Final = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# How this machine reaches registries is no part of an image.
_PASSED_ON: Final = (
    "PIP_CERT",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_INDEX_URL",
    "http_proxy",
    "https_proxy",
)
_FROM_HERE: Final = ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")


@dataclass(frozen=True)
class Built:
    """An image.

    Attributes:
        root: Its root file system.
        stage: What its Dockerfile says of user, variables and entry point.
        environment: Its variables, with those of what it was made from.
        user: Who runs it; empty for root.
    """

    root: Path
    stage: Stage
    environment: dict[str, str]
    user: str


class Builder:
    """Builds Dockerfiles below a folder.

    Args:
        folder: Where the roots are put.
        images: What a Dockerfile may begin with, beside Debian's Python.
    """

    def __init__(self, folder: Path, images: dict[str, Built] | None = None) -> None:
        self._folder = folder
        self._built = dict(images or {})

    def build(self, dockerfile: Path, context: Path, ignore: Path | None, name: str) -> Built:
        """Build a Dockerfile and return the image of its last stage.

        Raises:
            DockerfileRefused: It says what cannot be done here, or a step failed.
        """
        files = None if ignore is None else list(context_files(context, ignore))
        stages = read_dockerfile(dockerfile)
        for stage in stages:
            key = name if stage is stages[-1] else stage.name
            self._built[key] = self._stage(stage, key, context, files)
        return self._built[name]

    def _stage(self, stage: Stage, key: str, context: Path, files: list[Path] | None) -> Built:
        root = self._folder / key
        shutil.rmtree(root, ignore_errors=True)
        base = self._built.get(stage.base)
        source = base.root if base else self._debian(stage.base)
        _call(["cp", "-a", "--reflink=auto", str(source), str(root)])
        environment = dict(base.environment) if base else {"PATH": _PATH}
        user = base.user if base else ""
        for one in stage.instructions:
            sys.stderr.write(f"{key}: {one.name} {one.text}\n")
            if one.name == "ENV":
                environment |= dict(word.partition("=")[::2] for word in one.words)
            elif one.name == "USER":
                user = one.text
            elif one.name == "COPY":
                self._copy(one, root, context, files)
            elif one.name == "RUN":
                image = Built(root, stage, environment, user)
                _call(in_image(image, ["/bin/sh", "-c", one.text]))
        return Built(root, stage, environment, user)

    def _debian(self, image: str) -> Path:
        """Return a root like that of Debian's Python image: its Python is called ``python`` too."""
        if not image.startswith("python:3.11"):
            raise DockerfileRefused(f"there is no root for {image} here")
        root = self._folder / "debian"
        if not (root / "usr/local/bin/python").exists():
            shutil.rmtree(root, ignore_errors=True)
            command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm"]
            _call([*command, str(root), "http://deb.debian.org/debian"])
            (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        return root

    def _copy(self, one: Instruction, root: Path, context: Path, files: list[Path] | None) -> None:
        *sources, target = one.words
        stage = one.options.get("from")
        place = root / target.lstrip("/")
        for source in sources:
            if stage is not None:
                _call(["cp", "-a", str(self._built[stage].root / source.lstrip("/")), str(place)])
                continue
            within = Path(source)
            for file in files if files is not None else _all_files(context):
                if file == within or within == Path() or within in file.parents:
                    rest = file.relative_to(within) if file != within else Path(file.name)
                    (place / rest).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(context / file, place / rest)
                    if "chmod" in one.options:
                        (place / rest).chmod(int(one.options["chmod"], 8))
        if "chown" in one.options:
            _call(["chroot", str(root), "chown", "-R", one.options["chown"], target])


def _all_files(context: Path) -> list[Path]:
    return [path.relative_to(context) for path in sorted(context.rglob("*")) if path.is_file()]


def in_image(image: Built, words: Sequence[str], *, read_only: bool = False) -> list[str]:
    """Return the command that runs another in an image, as the image's user."""
    arguments = ["bwrap", "--ro-bind" if read_only else "--bind", str(image.root), "/"]
    arguments += ["--dev", "/dev", "--proc", "/proc", "--unshare-pid", "--die-with-parent"]
    if read_only:
        arguments += ["--perms", "1777", "--tmpfs", "/tmp"]
    for file in _FROM_HERE:
        # Bubblewrap makes what it mounts on: what the image lacks it is not to have afterwards.
        if Path(file).exists() and (image.root / file.lstrip("/")).exists():
            arguments += ["--ro-bind", file, file]
    arguments.append("--clearenv")
    for name in _PASSED_ON:
        if name in os.environ:
            arguments += ["--setenv", name, os.environ[name]]
    for name, value in image.environment.items():
        arguments += ["--setenv", name, value]
    if image.user:
        # As engines do: who has another user's id has none of root's rights.
        arguments += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--chdir", "/", "--"]
        uid = f"{image.user}:{image.user}".partition(":")[0]
        arguments += ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"]
        return [*arguments, *words]
    for capability in (
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "SETGID",
        "SETUID",
        "SYS_CHROOT",
    ):
        arguments += ["--cap-add", f"CAP_{capability}"]
    return [*arguments, "--chdir", "/", "--", *words]


def _call(command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise DockerfileRefused(f"{' '.join(command)[-300:]} failed: {error}") from error


def main() -> None:
    """Build the image, and run its command in it with a root that is only read."""
    if len(sys.argv) != 2 or os.geteuid() != 0:
        sys.exit("usage, as root: python -m deploy.native.image_build FOLDER")
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    ignore = DEPLOY / "Dockerfile.dockerignore"
    try:
        image = Builder(folder).build(DEPLOY / "Dockerfile", DEPLOY.parent, ignore, "perdure")
        for words in (["id"], ["perdure", "plugins"], ["perdure", "--version"]):
            _call(in_image(image, [*image.stage.entrypoint, *words], read_only=True))
    except DockerfileRefused as error:
        sys.exit(f"image_build: {error}")


if __name__ == "__main__":
    main()
