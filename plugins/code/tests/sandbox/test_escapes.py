"""Escapes: what hostile code tries in the sandbox, and what it finds there."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from perdure_code.environments.interpreters import worker_mounts
from perdure_code.repository.workspace import Workspace
from perdure_code.sandbox import bubblewrap
from perdure_code.sandbox.bubblewrap import (
    SandboxUnavailable,
    bubblewrap_arguments,
    bubblewrap_environment,
    find_bubblewrap,
    write_etc,
)
from perdure_code.sandbox.isolation import Isolation
from perdure_code.sandbox.limits import Limits

# Says for each of its arguments whether it can be read.
READING = """
import json, os, sys
def readable(path):
    try:
        os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1)
    except OSError:
        return False
    return True
print(json.dumps([path for path in sys.argv[1:] if readable(path)]))
"""
# Says for each of its statements which error it raised.
TRYING = """
import json, sys
told = []
for statement in sys.argv[1:]:
    try:
        exec("import ctypes, os, signal, socket\\n" + statement)
    except Exception as error:
        told.append(f"{type(error).__name__}: {error}")
    else:
        told.append("")
print(json.dumps(told))
"""


async def tried(execute: Any, *statements: str, **options: Any) -> list[str]:
    """Try statements in the sandbox, and return the error that each of them raised."""
    result = await execute(TRYING, *statements, **options)
    assert result.status == 0, result.output
    told: list[str] = json.loads(result.output)
    return told


async def test_the_home_and_other_files_of_the_host_cannot_be_read(
    execute: Any, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    shown = [Path(mount.target) for mount in worker_mounts()]
    hidden = [str(tmp_path / "secret"), str(tmp_path), *map(str, Path.home().iterdir())]
    hidden += ["/etc/shadow", "/etc/machine-id", "/etc/hostname", "/var", "/run", "/srv", "/opt"]
    hidden += ["/sys", "/boot", "/dev/sda", "/dev/vda", "/dev/mem", "/dev/kmsg"]
    # The folders on the way to the worker's Python are there, and empty but for it.
    ways = {str(way) for one in shown for way in (one, *one.parents)}
    hidden = [path for path in hidden if path not in ways]
    result = await execute(READING, *hidden, "/workspace/a.py", sys.executable)
    assert json.loads(result.output) == ["/workspace/a.py", sys.executable]


async def test_nothing_of_the_host_can_be_written(execute: Any) -> None:
    places = ["/", "/usr", "/etc", "/dev", "/perdure", sys.prefix, sys.base_prefix, "/proc"]
    told = await tried(execute, *(f"open({place + '/x'!r}, 'w')" for place in places))
    assert all(told), dict(zip(places, told, strict=True))
    assert not any((Path(place) / "x").exists() for place in places)


async def test_the_environment_of_the_worker_cannot_be_read(
    execute: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret-of-the-worker")
    code = """
import os, glob
found = [repr(os.environ)]
for name in glob.glob("/proc/[0-9]*/environ"):
    try:
        found.append(open(name, "rb").read().decode())
    except OSError:
        pass
print("\\n".join(found))
"""
    result = await execute(code)
    assert "HOME" in result.output
    assert "secret-of-the-worker" not in result.output
    assert "SOME_API_KEY" not in result.output


async def test_there_is_no_network(execute: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        port, name = server.getsockname()[1], f"\0perdure-{os.getpid()}"
        local.bind(name)
        local.listen()
        told = await tried(
            execute,
            f"socket.create_connection(('127.0.0.1', {port}), timeout=5)",
            f"socket.socket(socket.AF_UNIX).connect({name!r})",
            "socket.create_connection(('192.0.2.1', 80), timeout=5)",
            "socket.getaddrinfo('example.org', 80)",
            "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
            "socket.socket(40, socket.SOCK_STREAM)",  # AF_VSOCK, to the machine below this one
            "socket.socketpair(); socket.socket(socket.AF_INET6); socket.socket(16, 3)",
            # A server of the tests themselves works.
            "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())",
        )
    refused, abstract, unreachable, unknown, raw, vsock, others, own = told
    assert "refused" in refused
    assert "refused" in abstract
    assert "unreachable" in unreachable
    assert "gaierror" in unknown
    assert "PermissionError" in raw
    assert "Address family not supported" in vsock
    assert (others, own) == ("", "")


async def test_other_processes_are_neither_seen_nor_signalled(execute: Any) -> None:
    bystander = await asyncio.create_subprocess_exec("sleep", "600")
    try:
        told = await tried(
            execute,
            "assert len([n for n in os.listdir('/proc') if n.isdigit()]) < 8",
            f"os.kill({bystander.pid}, 0)",
            f"os.kill({os.getpid()}, signal.SIGKILL)",
            "signal.signal(signal.SIGTERM, signal.SIG_IGN); os.kill(-1, signal.SIGTERM)",
        )
        seen, other, worker, _ = told
        assert seen == ""
        assert other.startswith("ProcessLookupError")
        assert worker.startswith("ProcessLookupError")
        assert bystander.returncode is None
    finally:
        bystander.kill()
        await bystander.wait()


async def test_it_is_no_privileged_user_and_cannot_become_one(execute: Any) -> None:
    told = await tried(
        execute,
        "assert os.getuid() != 0 and os.geteuid() != 0 and os.getgroups() in ([], [os.getgid()])",
        "os.setuid(0)",
        "os.setgroups([0])",
        "assert 'CapEff:\\t0000000000000000' in open('/proc/self/status').read()",
        "assert 'NoNewPrivs:\\t1' in open('/proc/self/status').read()",
        "os.chroot('/tmp')",
        "os.chown('/workspace/a.py', 0, 0)",
        "os.mknod('/tmp/sda', 0o60600, os.makedev(8, 0))",
        "import resource; resource.setrlimit(resource.RLIMIT_NPROC, (9999, 9999))",
    )
    allowed = [number for number, error in enumerate(told) if not error]
    assert allowed == [0, 3, 4]


async def test_a_program_with_the_setuid_bit_gives_no_rights(execute: Any) -> None:
    code = """
import os, shutil, subprocess
shutil.copy("/usr/bin/id", "/workspace/id")
os.chmod("/workspace/id", 0o6755)
print(subprocess.run(["/workspace/id", "-u"], capture_output=True, text=True).stdout.strip())
print(os.getuid())
"""
    kept: list[int] = []

    def look(workspace: Workspace) -> None:
        found = (workspace.repository / "id").stat()
        kept.append(found.st_uid)
        assert workspace.folder.stat().st_mode & 0o077 == 0

    result = await execute(code, then=look)
    as_root, itself = result.output.split()
    assert as_root == itself != "0"
    assert kept != [0] or os.geteuid() != 0


async def test_programs_of_the_repository_do_not_stand_in_for_the_system_s(
    execute: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bwrap", "setpriv", "prlimit", "env", "true"):
        (programs / name).write_text(
            f"#!/bin/sh\ntouch {tmp_path}/trace /workspace/trace; exit 1\n"
        )
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    kept: list[bool] = []

    def look(workspace: Workspace) -> None:
        kept.append((workspace.repository / "trace").exists())

    assert (await execute("print(1)", then=look, shown=programs)).output == "1\n"
    assert kept == [False]
    assert not (tmp_path / "trace").exists()


async def test_namespaces_and_mounts_are_refused(execute: Any) -> None:
    call = (
        "c = ctypes.CDLL(None, use_errno=True)\nassert c.{} >= 0, os.strerror(ctypes.get_errno())"
    )
    told = await tried(
        execute,
        call.format("unshare(0x10000000)"),  # a namespace of users
        call.format("unshare(0x00020000)"),  # one of mounts
        call.format("mount(b'x', b'/tmp', b'tmpfs', 0, None)"),
        call.format("umount(b'/proc')"),
        call.format("syscall(272, 0x10000000)") if os.uname().machine == "x86_64" else "1/0",
        "os.memfd_create('x')",
        call.format("shmget(0, 1 << 20, 0o1600)"),
    )
    assert all(told), "\n".join(told)


async def test_settings_of_the_kernel_cannot_be_changed(execute: Any) -> None:
    told = await tried(
        execute,
        "open('/proc/sys/kernel/core_pattern', 'w').write('|/workspace/x')",
        "open('/proc/sys/vm/overcommit_memory', 'w').write('1')",
        "open('/proc/sysrq-trigger', 'w').write('h')",
        "open('/proc/1/mem', 'r+b').read(1)",
        "os.listdir('/sys/fs/cgroup')",
        "os.listdir('/proc/1/root/var')",
        "open('/proc/kcore', 'rb').read(1)",
        "open('/proc/1/cwd/../../../../etc/shadow').read()",
    )
    assert all(told), "\n".join(told)


async def test_links_out_of_the_repository_lead_nowhere(execute: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "repo" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "repo" / "up").symlink_to("../secret")
    result = await execute(READING, "/workspace/out", "/workspace/up", "/workspace/../secret")
    assert json.loads(result.output) == []


async def test_results_that_are_no_files_are_not_read(execute: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    code = """
import os, sys
os.symlink(sys.argv[1], "/results/link")
os.mkfifo("/results/pipe")
os.mkdir("/results/folder")
with open("/results/long", "wb") as file:
    for _ in range(26):
        file.write(os.urandom(1 << 20))
"""
    names = ("link", "pipe", "folder", "long")
    result = await execute(code, str(tmp_path / "secret"), results=names)
    assert (dict(result.files), result.files_missing) == ({}, names)


async def test_changes_do_not_follow_links_that_a_program_has_made(
    execute: Any, tmp_path: Path
) -> None:
    from perdure.agents import InputError
    from perdure_code.repository.workspace import apply_changes

    (tmp_path / "precious").write_text("precious")
    code = (
        "import os, sys; os.remove('a.py'); os.symlink(sys.argv[1], 'a.py'); os.symlink('/', 'd')"
    )

    def change(workspace: Workspace) -> None:
        apply_changes(workspace, {"a.py": "changed"})
        with pytest.raises(InputError, match="leads out"):
            apply_changes(workspace, {f"d{tmp_path}/precious": "changed"})
        with pytest.raises(InputError, match="leads out"):
            apply_changes(workspace, {"../precious": "changed"})

    await execute(code, str(tmp_path / "precious"), then=change)
    assert (tmp_path / "precious").read_text() == "precious"


def test_it_works_for_a_worker_that_is_not_root() -> None:
    """Bubblewrap as another user; as root, by a process that has become one."""
    user = os.geteuid() or 54_321
    script = (
        "id -u; touch written; grep CapEff /proc/self/status; unshare -U true || echo refused;"
        " cat /proc/self/uid_map; touch /usr/x || echo read-only; ls /proc | grep -c '^[0-9]'"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("workspace", "results"):
            (folder / part).mkdir()
            os.chown(folder / part, user, -1)
        write_etc(folder / "etc", user)
        arguments = bubblewrap_arguments(
            find_bubblewrap(),
            workspace=folder / "workspace",
            results=folder / "results",
            etc=folder / "etc",
            mounts=[],
            folder="/workspace",
            user=None,
            limits=Limits(processes=64),
        )
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]
        command = [*(become if os.geteuid() == 0 else []), *arguments, "sh", "-c", script]
        done = subprocess.run(
            command, env=bubblewrap_environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found = done.stdout.split("\n")
        assert found[0] == str(user)
        assert found[1].endswith("0000000000000000")
        assert found[-3] == "read-only"
        assert int(found[-2]) < 8
        assert (folder / "workspace" / "written").exists()


@pytest.mark.parametrize(
    ("attribute", "value", "says"),
    [
        ("platform", "darwin", "for Linux alone"),
        ("which", lambda name, path=None: None if name == "bwrap" else "/bin/true", "bubblewrap"),
        ("probe", lambda *_: "Creating new namespace failed", "Creating new namespace failed"),
    ],
)
async def test_without_bubblewrap_nothing_is_run(
    execute: Any, monkeypatch: pytest.MonkeyPatch, attribute: str, value: Any, says: str
) -> None:
    target = {"platform": "sys.platform", "which": "shutil.which"}.get(attribute)
    if target:
        monkeypatch.setattr(target, value)
    else:
        monkeypatch.setattr(bubblewrap, "_working", set())
        monkeypatch.setattr(bubblewrap, "_probe", value)
    with pytest.raises(SandboxUnavailable, match=says) as caught:
        find_bubblewrap()
    assert "sandbox=none" in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1\n", "set it to 0 with sysctl, or load"),
        ("kernel/unprivileged_userns_clone", "0\n", "kernel.unprivileged_userns_clone is 0 there"),
        ("user/max_user_namespaces", "0\n", "user.max_user_namespaces is 0 there"),
        ("user/max_user_namespaces", "31000\n", "allow user namespaces there"),
    ],
)
def test_which_setting_of_the_kernel_refuses_namespaces_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str, value: str, says: str
) -> None:
    (tmp_path / setting).parent.mkdir()
    (tmp_path / setting).write_text(value)
    monkeypatch.setattr(bubblewrap, "_KERNEL", tmp_path)
    monkeypatch.setattr(bubblewrap, "_working", set())
    monkeypatch.setattr(bubblewrap, "is_root", lambda: False)
    monkeypatch.setattr(bubblewrap, "_probe", lambda *_: "setting up uid map: Permission denied")
    with pytest.raises(SandboxUnavailable, match=r"uid map: Permission denied") as caught:
        find_bubblewrap()
    assert says in str(caught.value)


async def test_without_isolation_the_environment_is_empty_all_the_same(
    execute: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    code = "import os; print(sorted(os.environ))"
    result = await execute(code, isolation=Isolation.NONE)
    assert "PATH" in result.output
    assert "SOME_API_KEY" not in result.output
