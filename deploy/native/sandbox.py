"""A service in a sandbox of bubblewrap, as a container engine would run it.

It has the user, the read-only root, the temporary folders, files and volumes that the compose file
gives it, no capability, namespaces of its own but for the network, and other services by name.
"""

import ipaddress
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.native.compose_file import ComposeFile, ComposeFileRefused, Service
from deploy.native.programs import DEPLOY, Image, read_image, search_path
from deploy.native.seccomp import open_filter

# Below these, and the temporary folders, the files and volumes of services lie.
_PLACES: Final = ("/run", "/var/lib")


@dataclass(frozen=True)
class Installation:
    """Where a cluster keeps what it has.

    Attributes:
        file: What the compose file says.
        folder: That of the compose file, from which its paths count.
        home: Where volumes and logs lie.
        cache: Where programs that were built lie.
    """

    file: ComposeFile
    folder: Path
    home: Path
    cache: Path

    def addresses(self) -> dict[str, str]:
        """Return the address of each service."""
        hosts = ipaddress.ip_network(self.file.subnet).hosts()
        next(hosts)  # an engine's gateway has the first
        return {name: str(next(hosts)) for name in self.file.services}

    def write_etc(self) -> None:
        """Write the files by which services find each other, and the names of their users."""
        lines = [f"{address} {name}" for name, address in self.addresses().items()]
        folder = self.home / "etc"
        folder.mkdir(exist_ok=True)
        (folder / "hosts").write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
        users = {service.user.partition(":")[::2] for service in self.file.services.values()}
        (folder / "passwd").write_text(
            "".join(f"user{uid}:x:{uid}:{gid}::/tmp:/usr/sbin/nologin\n" for uid, gid in users)
        )
        (folder / "group").write_text("".join(f"user{uid}:x:{gid}:\n" for uid, gid in users))

    def volume(self, name: str) -> Path:
        """Return the folder of a volume."""
        folder = self.home / "volumes" / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def log(self, name: str) -> Path:
        """Return the file that a service writes its output to."""
        return self.home / "logs" / f"{name}.log"


@dataclass(frozen=True)
class SandboxCommand:
    """How a program is started in a service's sandbox.

    Attributes:
        arguments: Bubblewrap and its arguments.
        environment: The variables.
        keep_open: Descriptors that bubblewrap reads; to be closed once it has been started.
    """

    arguments: tuple[str, ...]
    environment: dict[str, str]
    keep_open: tuple[int, ...]


def service_command(installation: Installation, name: str, info: int) -> SandboxCommand:
    """Return how a service is started.

    Args:
        installation: Whose.
        name: The service.
        info: The descriptor that bubblewrap writes to which process the program is.
    """
    service = installation.file.services[name]
    image = _image_of(service)
    entrypoint = service.entrypoint if service.entrypoint is not None else image.entrypoint
    extra = ("--as-pid-1", "--info-fd", str(info))
    return _command(installation, name, (*entrypoint, *service.command), extra, (info,))


def probe_command(installation: Installation, name: str) -> SandboxCommand:
    """Return how the health check of a service is run."""
    check = installation.file.services[name].healthcheck
    assert check is not None
    kind, *words = check.test
    if kind != "CMD":
        raise ComposeFileRefused(f"the health check of {name} is no CMD")
    return _command(installation, name, tuple(words))


def other_command(installation: Installation, name: str, *words: str) -> SandboxCommand:
    """Return how another command is run in a service's place, as ``docker compose run`` does."""
    service = installation.file.services[name]
    return _command(installation, name, (*_image_of(service).entrypoint, *words))


def _command(
    installation: Installation,
    name: str,
    words: tuple[str, ...],
    extra: tuple[str, ...] = (),
    keep_open: tuple[int, ...] = (),
) -> SandboxCommand:
    service = installation.file.services[name]
    if service.seccomp_profile is not None:
        descriptor = open_filter(installation.folder / service.seccomp_profile)
        keep_open = (*keep_open, descriptor)
        extra = (*extra, "--seccomp", str(descriptor))
    path = search_path(installation.cache)
    pids = ["--unshare-pid"]
    if _has_whole_proc(service):
        # Started as root, bubblewrap mounts over parts of a new /proc, and the kernel then lets
        # nobody below mount one: this machine's is the whole one, and goes with its processes.
        pids = []
        extra = tuple(word for word in extra if word != "--as-pid-1")
    uid, _, gid = service.user.partition(":")
    arguments = [
        _found("bwrap", path),
        *("--unshare-user", "--uid", uid, "--gid", gid),
        *pids,
        *("--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--hostname", name, "--die-with-parent", *extra),
        *_mounts(installation, service),
        *("--chdir", "/", "--", _found(words[0], path), *words[1:]),
    ]
    environment = {"PATH": ":".join(path), **_image_of(service).environment, **service.environment}
    return SandboxCommand(tuple(arguments), environment, keep_open)


def _image_of(service: Service) -> Image:
    try:
        return read_image(service.image)
    except KeyError as error:
        raise ComposeFileRefused(f"nothing on this machine stands for {service.image}") from error


def _found(program: str, path: list[str]) -> str:
    """Return where a program is; one that an image has elsewhere is found by its name."""
    if os.access(program, os.X_OK):
        return program
    found = shutil.which(Path(program).name, path=":".join(path))
    if found is None:
        raise ComposeFileRefused(
            f"there is no {Path(program).name} on this machine: install the packages of"
            " deploy/debian-packages"
        )
    return found


def _has_whole_proc(service: Service) -> bool:
    return "systempaths=unconfined" in service.security_opt


def _mounts(installation: Installation, service: Service) -> list[str]:
    temporary = [entry.partition(":")[0] for entry in service.tmpfs]
    empty = [*_PLACES, *(place for place in temporary if place not in _PLACES)]
    proc = ["--bind", "/proc", "/proc"] if _has_whole_proc(service) else ["--proc", "/proc"]
    arguments = ["--ro-bind", "/", "/", "--dev", "/dev", *proc]
    for place in empty:
        arguments += ["--tmpfs", place]
    for file in ("hosts", "passwd", "group"):
        arguments += ["--ro-bind", str(installation.home / "etc" / file), f"/etc/{file}"]
    # What programs are made of may lie where a folder has just been made empty.
    needed = (DEPLOY.parent, Path(sys.prefix), Path(sys.base_prefix), installation.cache)
    for folder in dict.fromkeys(needed):
        if any(folder.is_relative_to(place) for place in empty):
            arguments += ["--ro-bind", str(folder), str(folder)]
    for source, target, mode in _files(installation, service):
        arguments += ["--ro-bind" if mode == "ro" else "--bind", str(source), target]
    for place in _PLACES:
        arguments += ["--remount-ro", place]
    return arguments


def _files(installation: Installation, service: Service) -> list[tuple[Path, str, str]]:
    """Return what a service gets of this machine: where it lies, where it is to be, how."""
    mounts = []
    for secret in service.secrets:
        source = installation.folder / installation.file.secrets[secret].file
        mounts.append((source, f"/run/secrets/{secret}", "ro"))
    for config in service.configs:
        source = installation.folder / installation.file.configs[config.source].file
        mounts.append((source, config.target, "ro"))
    for volume in service.volumes:
        name, target, *modes = volume.split(":")
        source = installation.volume(name) if name in installation.file.volumes else Path(name)
        mounts.append((source, target, modes[0] if modes else "rw"))
    return mounts
