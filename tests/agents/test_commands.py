"""Commands: programs as steps, with their output, their limits and their end."""

import asyncio
import functools
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from perdure.agents import (
    CompletedCommand,
    Goal,
    OutcomeUnknown,
    PermanentError,
    Result,
    Run,
    StepFailed,
    agent,
)
from perdure.agents.commands import output as command_output
from perdure.agents.commands import process as command_process
from perdure.agents.steps.memory import MemoryEmitter, MemoryJournal
from perdure.models import FailureKind
from perdure.testing import rehearse
from tests.support.processes import children, is_running
from tests.support.until import until_async

GOAL = Goal(goal_id="g", description="try it", agent_type="try-it")
MEBIBYTE = 1 << 20

# Starts one process in its group, and one that flees into a session of its own; writes down the
# ids of all three, and goes on for ever.
STARTS_OTHERS = """
import os, pathlib, subprocess, sys, time
own = os.getpid()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        pids = pathlib.Path(sys.argv[1])
        part = pids.with_suffix(".part")
        part.write_text(f"{own} {child.pid} {os.getpid()}")
        part.rename(pids)
        time.sleep(600)
    os._exit(0)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
time.sleep(float(sys.argv[2]))
"""


def a_run(journal: MemoryJournal | None = None, emitter: MemoryEmitter | None = None) -> Run:
    return Run(GOAL, journal, emitter=emitter)


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


@pytest.fixture
def supervisors() -> Callable[[], list[int]]:
    """Return a function that returns the processes which this one has started in this test."""
    before = children(os.getpid())
    return lambda: [pid for pid in children(os.getpid()) if pid not in before]


async def pids_in(file: Path) -> list[int]:
    await until_async(file.exists, "the ids of the processes")
    return [int(pid) for pid in file.read_text().split()]  # noqa: ASYNC240 -- a line


async def gone(pids: list[int]) -> None:
    assert len(pids) == 3
    await until_async(lambda: not any(map(is_running, pids)), f"the end of {pids}")


async def failure_of(run: Run, args: Any, **options: Any) -> StepFailed:
    with pytest.raises(StepFailed) as raised:
        await run.command(args, **options)
    return raised.value


async def test_what_came_of_it_is_journaled_and_readers_see_what_it_writes(tmp_path: Path) -> None:
    journal, emitter = MemoryJournal(), MemoryEmitter()
    line = "cat; echo here: $PWD; echo trouble >&2; echo ran >> ran; exit 3"

    async def once_more() -> CompletedCommand:
        run = a_run(journal, emitter)
        return await run.command(["sh", "-c", line], input="in\n", cwd=tmp_path, check=False)

    first = await once_more()
    shown = {name.rpartition(".")[2]: text for name, text in emitter.texts.items()}
    assert shown == {"stdout": f"in\nhere: {tmp_path}\n", "stderr": "trouble\n"}
    assert (first.returncode, first.stdout, first.stderr) == (
        3,
        shown["stdout"],
        shown["stderr"],
    )
    assert not first.stdout_cut
    assert not first.stderr_cut
    assert 0 < first.seconds < 60
    assert await once_more() == first
    assert (tmp_path / "ran").read_text() == "ran\n"
    assert [key.name for key in journal.steps] == ["sh"]


async def test_input_and_folder_make_another_step_and_the_environment_does_not(
    tmp_path: Path,
) -> None:
    journal = MemoryJournal()
    (tmp_path / "other").mkdir()

    async def run(**options: Any) -> str:
        done = await a_run(journal).command(["sh", "-c", "cat; pwd; echo $WHO"], **options)
        return done.stdout

    first = await run(cwd=tmp_path, env={**os.environ, "WHO": "ann"})
    assert first == f"{tmp_path}\nann\n"
    assert await run(cwd=tmp_path, env={"PATH": os.environ["PATH"], "WHO": "bob"}) == first
    assert await run(cwd=tmp_path, input="x\n") == f"x\n{first.replace('ann', '')}"
    assert await run(cwd=tmp_path / "other") == f"{tmp_path}/other\n\n"


async def test_the_environment_is_the_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_WORKER", "x")
    seen = await a_run().command(python("import os; print('SECRET_OF_THE_WORKER' in os.environ)"))
    assert seen.stdout == "True\n"
    seen = await a_run().command(["/usr/bin/env"], env={"ONLY": "this"})
    assert seen.stdout == "ONLY=this\n"


async def test_it_reads_nothing_from_the_terminal() -> None:
    code = "import sys; print(repr(sys.stdin.read())); open('/dev/tty')"
    failure = await failure_of(a_run(), python(code))
    assert "No such device or address: '/dev/tty'" in failure.failure.message
    assert (await a_run().command(["cat"])).stdout == ""
    assert (await a_run().command(["cat"], input=b"\x00\xff")).stdout == "\x00\ufffd"


async def test_endless_output_keeps_its_end_and_little_memory() -> None:
    emitter = MemoryEmitter()
    before = psutil.Process().memory_info().rss
    code = (
        "import sys\nfor _ in range(1000): sys.stdout.write('x' * 99_999 + '\\n')\nprint('the end')"
    )
    done = await a_run(emitter=emitter).command(python(code))
    assert psutil.Process().memory_info().rss - before < 50 * MEBIBYTE
    assert done.stdout_cut
    assert not done.stderr_cut
    assert len(done.stdout) == MEBIBYTE
    assert done.stdout.endswith("x\nthe end\n")
    (shown,) = emitter.texts.values()
    assert shown.startswith("x" * 99_999)
    assert shown.endswith("\n[what follows is not shown while the command runs]\n")
    assert MEBIBYTE <= len(shown) < MEBIBYTE + 100


async def test_characters_in_pieces_are_put_together_and_what_is_none_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command_output, "SHOW_SECONDS", 0.0)
    emitter = MemoryEmitter()
    code = """
import os, time
for byte in "é€🙂".encode() + b"\\xff\\xe2\\x82":
    os.write(1, bytes([byte]))
    time.sleep(0.005)
"""
    done = await a_run(emitter=emitter).command(python(code))
    assert done.stdout == "é€🙂\ufffd\ufffd"
    assert list(emitter.texts.values()) == [done.stdout]


async def test_a_cut_in_the_middle_of_a_character_leaves_no_half_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for kept in range(4, 12):
        monkeypatch.setattr(command_output, "KEPT_BYTES", kept)
        done = await a_run().command(["printf", "%s", "🙂🙂🙂🙂"])
        assert done.stdout == "🙂" * (kept // 4)
        assert done.stdout_cut


@pytest.mark.parametrize("size", [MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1])
async def test_output_of_just_the_size_that_is_kept_is_not_cut(size: int) -> None:
    emitter = MemoryEmitter()
    done = await a_run(emitter=emitter).command(python(f"print('x' * {size}, end='')"))
    assert done.stdout_cut == (size > MEBIBYTE)
    assert len(done.stdout) == min(size, MEBIBYTE)
    assert ("not shown" in "".join(emitter.texts.values())) == (size > MEBIBYTE)


@pytest.mark.parametrize(
    ("line", "returncode", "message"),
    [
        ("echo no such branch >&2; exit 3", 3, "ended with status 3 (no such branch): "),
        ("echo only here; exit 1", 1, "ended with status 1 (only here): "),
        ("kill -SEGV $$", -11, "was ended by SIGSEGV: "),
    ],
)
async def test_a_status_other_than_0_is_a_failure_unless_it_is_a_value(
    line: str, returncode: int, message: str
) -> None:
    emitter = MemoryEmitter()
    failure = await failure_of(a_run(emitter=emitter), ["sh", "-c", line])
    assert f"command 'sh' {message}" in failure.failure.message
    assert "check=False" in failure.failure.message
    assert failure.failure.type == "CommandFailed"
    assert emitter.texts == {}
    assert (await a_run().command(["sh", "-c", line], check=False)).returncode == returncode


NOT_STARTED: list[tuple[list[str], dict[str, Any], str]] = [
    (["no-such-program"], {}, "'no-such-program' is not found on the PATH of this worker: "),
    (["/no/such/program"], {}, "'/no/such/program' is not found on this worker: "),
    (["/etc/passwd"], {}, "'/etc/passwd' is no file that the worker's user may execute: "),
    (["/etc"], {}, "'/etc' is no file that the worker's user may execute: "),
    (["./no-interpreter"], {}, "the interpreter that the first line of './no-interpreter' names"),
    (["./no-format"], {}, "'./no-format' is no program for this machine"),
    (["ls"], {"cwd": "/no/such/folder"}, "its working folder '/no/such/folder' does not exist"),
    (["ls"], {"cwd": "/etc/passwd"}, "its working folder '/etc/passwd' is no folder: name one"),
    (["ls", "x" * (4 << 20)], {}, "its arguments and environment are larger than the operating"),
    (["ls"], {"env": {"PATH": "/nowhere"}}, "'ls' is not found on the PATH of this worker: "),
]


@pytest.mark.parametrize(
    ("args", "options", "message"), NOT_STARTED, ids=lambda value: str(value)[:40]
)
async def test_why_it_cannot_be_started_is_one_sentence_and_final(
    args: list[str], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    for name, content in (("no-interpreter", b"#!/no/such/thing\n"), ("no-format", b"\x01\x02")):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o755)
    failure = (await failure_of(a_run(), args, **{"cwd": tmp_path, **options})).failure
    assert f"was not started, because {message}" in failure.message
    assert failure.kind is FailureKind.PERMANENT
    assert "\n" not in failure.message


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ("ls -l", {}, "run.command was given 'ls -l': give it a list"),
        (Path("ls"), {}, "give it a list"),
        (b"ls", {}, "give it a list"),
        (None, {}, r"was given None \(NoneType\): give it a list"),
        ([], {}, "was given an empty list"),
        ([""], {}, "an empty text as its program"),
        (["ls", 5], {}, r"argument 1 of command 'ls' is 5 \(int\)"),
        ([b"ls"], {}, r"the program of a list is b'ls' \(bytes\)"),
        (["ls", "a\0b"], {}, "argument 1 of command 'ls' holds a null character"),
        (["ls", "\ud800"], {}, "argument 1 of command 'ls' holds half a surrogate pair"),
        (["\ud800"], {}, "half a surrogate pair"),
        (["ls"], {"cwd": "a\0"}, "the working folder of command 'ls' holds a null character"),
        (["ls"], {"cwd": 5}, "the working folder of command 'ls' is 5"),
        (["ls"], {"input": "\ud800"}, "the input of command 'ls' holds half a surrogate pair"),
        (["ls"], {"input": 5}, "the input of command 'ls' is 5"),
        (["ls"], {"env": ["A=b"]}, "the environment of command 'ls' is"),
        (["ls"], {"env": {"A": 5}}, "the variable 'A' in the environment of command 'ls' is 5"),
        (["ls"], {"env": {"A=b": "c"}}, "has a variable 'A=b'"),
        (["ls"], {"env": {"": "c"}}, "has a variable ''"),
        (["ls"], {"timeout": 0}, "the timeout of command 'ls' is 0"),
        (["ls"], {"timeout": float("nan")}, "the timeout of command 'ls' is nan"),
        (["ls"], {"timeout": timedelta(0)}, "the timeout of command 'ls' is datetime"),
        (["ls"], {"timeout": "5"}, "the timeout of command 'ls' is '5'"),
        (["ls"], {"memory": 0}, "the memory limit of command 'ls' is 0"),
        (["ls"], {"memory": 1e9}, "the memory limit of command 'ls' is 1000000000.0"),
        (["ls"], {"memory": True}, "the memory limit of command 'ls' is True"),
        (["ls"], {"name": ""}, "step name ''"),
    ],
    ids=str,
)
async def test_what_no_program_can_be_given_is_refused_before_the_step_begins(
    args: Any, options: dict[str, Any], message: str
) -> None:
    journal = MemoryJournal()
    with pytest.raises(PermanentError, match=message):
        await a_run(journal).command(args, **options)
    assert journal.steps == {}


async def test_names_of_files_that_are_no_text_are_arguments_like_others(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"\xff.txt")
    file.write_text("found")
    assert (await a_run().command(["cat", file])).stdout == "found"


async def test_one_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    run = a_run()
    waiting = asyncio.create_task(
        failure_of(run, python(STARTS_OTHERS, file, 600), timeout=5, name="serve")
    )
    pids = await pids_in(file)
    assert all(map(is_running, pids))
    message = (await waiting).failure.message
    assert (
        "command 'serve' was ended, because it took longer than its timeout of 5 seconds:"
        in message
    )
    assert not any(map(is_running, pids))


async def test_what_it_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    started = time.monotonic()
    done = await a_run().command(python(STARTS_OTHERS, file, 0))
    assert done.returncode == 0
    assert not any(map(is_running, await pids_in(file)))
    assert time.monotonic() - started < command_process.GRACE_SECONDS


async def test_it_is_ended_when_its_step_is_cancelled(
    tmp_path: Path, supervisors: Callable[[], list[int]]
) -> None:
    file = tmp_path / "pids"
    step = asyncio.create_task(a_run().command(python(STARTS_OTHERS, file, 600)))
    pids = await pids_in(file)
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert not any(map(is_running, pids))
    assert supervisors() == []


@pytest.mark.parametrize("moment", [0.0, 0.005, 0.02, 0.05])
async def test_it_is_ended_when_it_is_cancelled_while_it_starts(
    moment: float, tmp_path: Path, supervisors: Callable[[], list[int]]
) -> None:
    step = asyncio.create_task(a_run().command(["sleep", "600"]))
    await asyncio.sleep(moment)
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    await until_async(lambda: not supervisors(), "the end of all children")


async def test_one_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, supervisors: Callable[[], list[int]]
) -> None:
    monkeypatch.setattr(command_process, "GRACE_SECONDS", 0.3)
    ready = tmp_path / "ready"
    line = f"trap 'echo no' TERM; touch {ready}; while :; do sleep 0.1; done"
    emitter = MemoryEmitter()
    step = asyncio.create_task(a_run(emitter=emitter).command(["sh", "-c", line]))
    await until_async(ready.exists, "the trap")
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert supervisors() == []


async def test_one_that_writes_on_while_it_is_ended_comes_to_its_end(tmp_path: Path) -> None:
    """More than a pipe holds: without a reader it would be stuck, and killed."""
    ready, finished = tmp_path / "ready", tmp_path / "finished"
    code = f"""
import pathlib, signal, sys, time
def stop(*_):
    print("x" * 10_000_000, flush=True)
    pathlib.Path({str(finished)!r}).touch()
    sys.exit()
signal.signal(signal.SIGTERM, stop)
pathlib.Path({str(ready)!r}).touch()
time.sleep(600)
"""
    step = asyncio.create_task(a_run().command(python(code)))
    await until_async(ready.exists, "its start")
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert finished.exists()


async def test_one_that_closes_its_output_is_waited_for() -> None:
    line = "exec >&- 2>&-; sleep 0.3; exit 4"
    done = await a_run().command(["sh", "-c", line], check=False)
    assert done.returncode == 4
    assert done.seconds >= 0.3


async def test_its_memory_is_limited() -> None:
    code = "bytearray(10**9)"
    message = (await failure_of(a_run(), python(code), memory=256 * MEBIBYTE)).failure.message
    assert "under its memory limit of 268,435,456 bytes" in message
    assert "MemoryError" in message
    await a_run().command(python("bytearray(10**7)"), memory=1 << 30)


async def test_its_signals_are_those_of_a_program_that_a_shell_starts() -> None:
    code = """
import signal
print([int(s) for s in signal.valid_signals() if signal.getsignal(s) == signal.SIG_IGN])
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""
    # Python itself ignores two; what whoever runs the tests ignores, as nohup does, is handed on.
    inherited = {one for one in signal.valid_signals() if signal.getsignal(one) == signal.SIG_IGN}
    ignored = sorted(map(int, inherited | {signal.SIGPIPE, signal.SIGXFSZ}))
    assert (await a_run().command(python(code))).stdout == f"{ignored}\nset()\n"
    done = await a_run().command(["sh", "-c", "yes | head -n 1; echo ${PIPESTATUS}"])
    assert done.stdout == "y\n\n"
    assert done.stderr == ""


async def test_it_is_killed_when_its_supervisor_is(
    tmp_path: Path, supervisors: Callable[[], list[int]]
) -> None:
    file = tmp_path / "pid"
    line = f"echo $$ > {file}.part; mv {file}.part {file}; exec sleep 600"
    step = asyncio.create_task(failure_of(a_run(), ["sh", "-c", line], once=True))
    await until_async(file.exists, "its start")
    (supervisor,) = supervisors()
    os.kill(supervisor, signal.SIGKILL)
    message = (await step).failure.message
    assert "was killed, because the process that supervised it was" in message
    pid = int(file.read_text())
    # The kernel has sent the signal, and takes its time.
    await until_async(lambda: not is_running(pid), "its end")


async def test_once_is_never_started_again(tmp_path: Path) -> None:
    journal = MemoryJournal()
    ran = tmp_path / "ran"
    args = ["sh", "-c", f"echo ran >> {ran}; sleep 600"]
    step = asyncio.create_task(a_run(journal).command(args, once=True))
    await until_async(ran.exists, "its start")
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    with pytest.raises(OutcomeUnknown):
        await a_run(journal).command(args, once=True)
    assert ran.read_text() == "ran\n"


async def test_within_a_step_it_is_a_part_of_that(tmp_path: Path) -> None:
    journal, emitter = MemoryJournal(), MemoryEmitter()

    async def two_lines(run: Run) -> list[str]:
        lines = [f"echo {number} >> ran; cat ran" for number in (1, 2)]
        done = [await run.command(["sh", "-c", line], cwd=tmp_path) for line in lines]
        return [each.stdout for each in done]

    for _ in range(2):
        run = a_run(journal, emitter)
        assert await run.step("both", functools.partial(two_lines, run)) == ["1\n", "1\n2\n"]
    assert [key.name for key in journal.steps] == ["both"]
    assert [name.rpartition(".")[2] for name in emitter.texts] == ["stdout"]


async def test_within_a_step_its_failure_can_be_caught_and_once_is_refused() -> None:
    run = a_run()

    async def caught() -> str:
        with pytest.raises(StepFailed, match="ended with status 3") as failed:
            await run.command(["sh", "-c", "exit 3"])
        assert failed.value.failure.kind is FailureKind.TRANSIENT
        with pytest.raises(PermanentError, match="is not found"):
            await run.command(["nowhere-to-be-found"])
        with pytest.raises(PermanentError, match="mark the step"):
            await run.command(["true"], once=True)
        return "caught"

    assert await run.step("catches", caught) == "caught"


async def test_one_that_the_agent_left_running_ends_with_the_run(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    left: list[asyncio.Task[CompletedCommand]] = []

    @agent
    async def careless(run: Run, goal: Goal) -> Result:
        """Starts a command and does not wait for it."""
        left.append(asyncio.create_task(run.command(python(STARTS_OTHERS, file, 600))))
        await pids_in(file)
        return Result()

    await rehearse(careless, "go")
    await gone(await pids_in(file))
    with pytest.raises(StepFailed, match="was ended, because its run has ended"):
        await left[0]


async def test_a_silent_one_with_a_time_limit_of_its_own_does_not_stall(
    supervisors: Callable[[], list[int]],
) -> None:
    run = a_run()
    step = asyncio.create_task(run.command(["sleep", "600"], timeout=600))
    await until_async(supervisors, "its start")
    before = run.steps.last_active_at
    await until_async(lambda: run.steps.last_active_at > before + 0.5, "its activity")
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step


async def test_many_at_once(supervisors: Callable[[], list[int]]) -> None:
    run = a_run()
    done = await asyncio.gather(*(run.command(["echo", str(number)]) for number in range(30)))
    assert [one.stdout for one in done] == [f"{number}\n" for number in range(30)]
    assert supervisors() == []
