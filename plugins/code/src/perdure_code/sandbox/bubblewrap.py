"""Bubblewrap: whether it works on this machine, and how it is called.

As root, bubblewrap builds the sandbox with root's rights, and the command then becomes a user that
the machine does not know. As another user, the sandbox is a user namespace, and the command keeps
that user, without rights over anything outside of the sandbox.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from perdure.agents import PermanentError
from perdure_code.sandbox.limits import Limits

WORKSPACE: Final = "/workspace"
RESULTS: Final = "/results"
HOME: Final = "/tmp/home"  # noqa: S108 -- in the sandbox
PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_SYSTEM_PATH: Final = "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin"
_PROBE_SECONDS: Final = 20
_LINKED: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# What programs read to find libraries, certificates, time zones and fonts, and nothing of a person.
_ETC: Final = (
    "alternatives",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "pki/ca-trust/extracted",
    "pki/tls/certs",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "timezone",
)
_STORES: Final = ("/nix/store", "/gnu/store")
_UNSHARED: Final = ("pid", "net", "ipc", "uts", "cgroup-try")

_KERNEL: Final = Path("/proc/sys")
# The values with which namespaces are refused to users: Ubuntu's since 23.10, Debian's, Linux' own.
_KERNEL_SETTINGS: Final = {
    "kernel.apparmor_restrict_unprivileged_userns": (
        "1",
        "set it to 0 with sysctl, or load an AppArmor profile that allows bwrap userns",
    ),
    "kernel.unprivileged_userns_clone": ("0", "set it to 1 with sysctl"),
    "user.max_user_namespaces": ("0", "set it to 10000 with sysctl"),
}

# The programs that were seen to work, each with whether this process was root.
_working: Final[set[tuple[str, bool]]] = set()


class SandboxUnavailable(PermanentError):
    """Bubblewrap is missing or does not work here, so that nothing of a repository is run."""


def is_root() -> bool:
    """Whether this process may become any user."""
    return sys.platform != "win32" and os.geteuid() == 0


def find_bubblewrap() -> str:
    """Return the path of a bubblewrap that works.

    Raises:
        SandboxUnavailable: There is none.
    """
    if sys.platform != "linux":
        raise _unavailable("there is bubblewrap for Linux alone", "run a worker on Linux")
    for program, package in (
        ("bwrap", "bubblewrap"),
        ("prlimit", "util-linux"),
        ("setpriv", "util-linux"),
        ("env", "coreutils"),
    ):
        if shutil.which(program, path=_SYSTEM_PATH) is None:
            raise _unavailable(
                f"{program} is not found on the worker's machine",
                f"install the package {package} (apt-get install {package})",
            )
    found = system_program("bwrap")
    if (found, is_root()) in _working:
        return found
    reason = _probe(found, is_root())
    if reason:
        raise _unavailable(
            f"bubblewrap does not work on the worker's machine ({reason})",
            ("" if is_root() else _kernel_advice())
            or "allow user namespaces there, or run the worker as root outside of a container"
            " without rights",
        )
    _working.add((found, is_root()))
    return found


def bubblewrap_arguments(
    program: str,
    *,
    workspace: Path,
    results: Path,
    etc: Path,
    mounts: Sequence[tuple[str, str]],
    folder: str,
    user: int | None,
    limits: Limits,
    network: bool = False,
) -> list[str]:
    """Return bubblewrap's arguments, and those of the programs that lead to the command.

    Args:
        program: Bubblewrap.
        workspace: The folder that the command may write to, as :data:`WORKSPACE`.
        results: A second one, as :data:`RESULTS`.
        etc: A folder with files for ``/etc``.
        mounts: What it may read: paths here, and the paths in the sandbox.
        folder: Where the command begins, in the sandbox.
        user: Which user it becomes; ``None`` when the worker is not root.
        limits: The size of ``/tmp``, and the number of processes.
        network: Whether it has the network of the machine.
    """
    size = str(min(limits.disk_bytes, limits.memory_bytes))
    arguments = [program, *_namespaces(user is not None, network), *_system()]
    arguments += _temporary(size)
    for file in sorted(etc.iterdir()):
        arguments += ["--ro-bind", str(file), f"/etc/{file.name}"]
    arguments += ["--bind", str(workspace), WORKSPACE, "--bind", str(results), RESULTS]
    # Bubblewrap would make some of the folders on the way for root alone.
    for folder_above in sorted({str(above) for _, to in mounts for above in Path(to).parents}):
        arguments += ["--perms", "0755", "--dir", folder_above]
    for source, target in mounts:
        arguments += ["--ro-bind", source, target]
    arguments += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", folder, "--"]
    if user is not None:
        arguments += [
            system_program("setpriv"),
            f"--reuid={user}",
            f"--regid={user}",
            "--clear-groups",
        ]
        arguments += ["--bounding-set=-all", "--inh-caps=-all", "--"]
    # Here, where processes of the worker's user outside of the sandbox do not count.
    nproc = f"--nproc={limits.processes}:{limits.processes}"
    return [*arguments, system_program("prlimit"), nproc, "--"]


def system_program(name: str) -> str:
    """Return the path of one of the system's programs, the same in the sandbox as here.

    The ``PATH`` of the worker is not searched: a folder of the repository may be on it.
    """
    return shutil.which(name, path=_SYSTEM_PATH) or f"/usr/bin/{name}"


def bubblewrap_environment() -> dict[str, str]:
    """Return the environment of bubblewrap itself, which is not the command's."""
    return {"PATH": _SYSTEM_PATH, "LC_ALL": "C"}


def write_etc(etc: Path, user: int) -> None:
    """Write what programs look for in ``/etc``: one user, and one machine."""
    etc.mkdir()
    names = {
        "passwd": f"root:x:0:0::/nonexistent:/bin/false\nuser:x:{user}:{user}::{HOME}:/bin/sh\n",
        "group": f"root:x:0:\nuser:x:{user}:\n",
        "hosts": "127.0.0.1 localhost sandbox\n::1 localhost sandbox\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }
    for name, content in names.items():
        (etc / name).write_text(content)
        (etc / name).chmod(0o644)


def _namespaces(as_root: bool, network: bool = False) -> Iterator[str]:
    yield from (f"--unshare-{name}" for name in _UNSHARED if name != "net" or not network)
    if not as_root:
        yield "--unshare-user"
    yield from ("--die-with-parent", "--new-session", "--hostname", "sandbox")


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for path in _LINKED:
        if Path(path).is_symlink():
            yield from ("--symlink", str(Path(path).readlink()), path)
        elif Path(path).is_dir():
            yield from ("--ro-bind", path, path)
    for name in _ETC:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    for store in _STORES:
        yield from ("--ro-bind-try", store, store)
    yield from ("--proc", "/proc", "--dev", "/dev")


def _temporary(size: str) -> Iterator[str]:
    for folder in ("/tmp", "/dev/shm"):  # noqa: S108 -- in the sandbox
        yield from ("--perms", "1777", "--size", size, "--tmpfs", folder)
    yield from ("--perms", "0777", "--dir", HOME)


def _probe(program: str, as_root: bool) -> str:
    """Try bubblewrap with all that is used of it; return why it does not work, if so."""
    arguments = [program, *_namespaces(as_root), *_system(), *_temporary("65536")]
    try:
        tried = subprocess.run(
            [*arguments, "--remount-ro", "/", "--", system_program("true")],
            env=bubblewrap_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
            text=True,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if tried.returncode == 0:
        return ""
    lines = tried.stderr.strip().splitlines() or [f"exit status {tried.returncode}"]
    return lines[0].removeprefix("bwrap: ")


def _kernel_advice() -> str:
    """Return which of the kernel's settings keeps users from making namespaces, and what to do."""
    for name, (refusing, advice) in _KERNEL_SETTINGS.items():
        try:
            value = (_KERNEL / name.replace(".", "/")).read_text().strip()
        except OSError:  # another kernel's setting
            continue
        if value == refusing:
            return f"{name} is {value} there, which refuses users their namespaces: {advice}"
    return ""


def _unavailable(what: str, advice: str) -> SandboxUnavailable:
    return SandboxUnavailable(
        f"the code of a repository is run in a sandbox alone, and {what}: {advice}, or pass"
        " sandbox=none to run it with the worker's rights"
    )
