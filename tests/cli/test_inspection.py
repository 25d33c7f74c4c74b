"""Commands that inspect an installation: agents, plugins, doctor, help, completion."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.plugins import install_plugin
from tests.support.redis_server import RedisServer


def test_agents_shows_parameters_with_types_and_defaults(perdure: Any) -> None:
    output = perdure("agents").stdout
    assert "echo  1.0  (perdure-echo)" in output
    assert "times\tint\t1" in output
    agent = perdure.json("agents", "echo")["agents"][0]
    assert agent["distribution"] == "perdure-echo"
    assert agent["parameters"][0]["description"] == "What to say."


def test_plugins_shows_status_hooks_and_reason(perdure: Any) -> None:
    plugins = {plugin["distribution"]: plugin for plugin in perdure.json("plugins")["plugins"]}
    assert plugins["perdure-echo"]["status"] == "loaded"
    assert plugins["perdure-echo"]["hooks"] == ["register_agents"]
    denied = perdure.json("plugins", PERDURE_PLUGINS_DENY="perdure-echo")["plugins"]
    assert {plugin["status"] for plugin in denied} == {"denied"}


def test_doctor_finds_every_part(perdure: Any) -> None:
    report = perdure.json("doctor")
    parts = {check["part"]: check for check in report["checks"]}
    assert report["ok"]
    assert parts["Temporal binary"]["version"]
    assert parts["stores"]["where"].startswith("sqlite")
    assert parts["artifacts"]["where"].endswith("artifacts")
    assert "found" in perdure("doctor").stdout


def test_doctor_ends_with_1_and_says_what_to_do(perdure: Any) -> None:
    report = perdure.json("doctor", status=1, TEMPORAL_ADDRESS="127.0.0.1:1")
    parts = {check["part"]: check for check in report["checks"]}
    assert not parts["Temporal server"]["found"]
    assert "TEMPORAL_ADDRESS" in parts["Temporal server"]["advice"]


def test_doctor_says_whether_events_are_notified(perdure: Any, postgresql_url: str) -> None:
    def notified(listen_url: str) -> dict[str, Any]:
        settings = {"PERDURE_DATABASE_URL": postgresql_url, "PERDURE_LISTEN_URL": listen_url}
        checks: list[dict[str, Any]] = perdure.json("doctor", **settings)["checks"]
        (check,) = [check for check in checks if check["part"].startswith("events:")]
        return check

    assert notified("")["found"]
    elsewhere = notified("postgresql://127.0.0.1:1/none")
    assert not elsewhere["found"]
    assert "correct PERDURE_LISTEN_URL; until then events are polled" in elsewhere["advice"]


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["run"],
        ["dev"],
        ["worker"],
        ["api"],
        ["goals"],
        ["approvals"],
        ["agents"],
        ["plugins"],
        ["workers"],
        ["top"],
        ["usage"],
        ["doctor"],
    ]
    + [["goals", name] for name in ("list", "show", "watch", "result", "cancel", "pause", "resume")]
    + [["goals", name] for name in ("terminate", "signal", "settle", "score", "retry", "trace")]
    + [["goals", "dead-letters"], ["goals", "delete"]]
    + [["approvals", name] for name in ("list", "show", "approve", "refuse")]
    + [["plugins", name] for name in ("new", "check", "disable", "enable")],
)
def test_every_command_has_help_and_json(perdure: Any, command: list[str]) -> None:
    done = perdure(*command, "--help")
    assert done.returncode == 0
    if command not in ([], ["goals"]):
        assert "--json" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'temporalio', 'sqlalchemy', 'fastapi', 'pydantic', 'rich', 'alembic', 'structlog'}"
    code = f"import sys, perdure.cli.main; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_shell_completes_agents(perdure: Any) -> None:
    done = perdure(_PERDURE_COMPLETE="bash_complete", COMP_WORDS="perdure run ec", COMP_CWORD="2")
    assert done.stdout == "plain,echo\n"


def complete(perdure: Any, words: str, **environment: str) -> list[str]:
    """Return what the shell offers after these words, once TAB is pressed; nothing else is said."""
    count = str(len(words.split(" ")) - 1)
    done = perdure(
        _PERDURE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=count, **environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [line.removeprefix("plain,") for line in done.stdout.split()]


SLEEPS = "import time\nopen(__file__ + '.imported', 'w')\ntime.sleep(60)\n"


@pytest.mark.parametrize("source", [SLEEPS, "1 / 0", "import os; os._exit(3)", "print('hello')"])
def test_completion_imports_no_plugin(source: str, perdure: Any, tmp_path: Path) -> None:
    install_plugin(tmp_path / "site", "perdure-echinoid", source)
    both = {"PERDURE_PLUGINS_ALLOW": "perdure-echo,perdure-echinoid"}
    assert complete(perdure, "perdure run ec", **both) == ["echinoid", "echo"]
    perdure("agents", PERDURE_PLUGIN_IMPORT_SECONDS="1", **both)
    # Known to fail, it is offered no longer.
    assert complete(perdure, "perdure run ec", **both) == ["echo"]
    assert complete(perdure, "perdure agents ec", PERDURE_PLUGINS_DENY="perdure-echo") == []
    assert complete(perdure, "perdure plugins disable perdure-ec") == [
        "perdure-echinoid",
        "perdure-echo",
    ]
    perdure("plugins", "disable", "echo")
    assert complete(perdure, "perdure run ec", **both) == []
    assert complete(perdure, "perdure plugins enable ") == ["perdure-echo"]


def test_completion_loads_nothing_that_takes_long() -> None:
    code = (
        "import os, sys, click; from perdure.cli.main import perdure\n"
        "try: perdure(prog_name='perdure')\n"
        "except SystemExit: pass\n"
        "print(sorted({'pydantic', 'perdure.agents', 'importlib_metadata'} & set(sys.modules)))"
    )
    words = {"_PERDURE_COMPLETE": "bash_complete", "COMP_WORDS": "perdure run x", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | words | {"PERDURE_HOME": "/nowhere"},
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "environment",
    [
        {"PERDURE_DATABASE_URL": "postgresql://127.0.0.1:1/none"},
        {"PERDURE_DATABASE_URL": "nonsense"},
        {"PERDURE_PORT": "none"},
        {"PERDURE_HOME": "/dev/null"},
    ],
)
@pytest.mark.parametrize(
    "words", ["perdure goals show ", "perdure approvals show ", "perdure run "]
)
def test_what_is_wrong_with_the_settings_is_not_said_at_the_prompt(
    words: str, environment: dict[str, str], perdure: Any
) -> None:
    complete(perdure, words, **environment)


def test_completion_takes_a_damaged_record_for_none(perdure: Any) -> None:
    folder = Path(perdure.environment["PERDURE_HOME"]) / "plugins"
    folder.mkdir(parents=True)
    for content in ("{", "[]", '{"plugins": 3}', '{"plugins": {"perdure-echo": 3}, "failed": 1}'):
        (folder / "agents.json").write_text(content)
        complete(perdure, "perdure run ")
        assert perdure("agents").returncode == 0
        assert complete(perdure, "perdure run ec") == ["echo"]


CHECKED = """
import os, sys, time
from perdure.agents import AgentSpec, Check, Goal, Result, Run, hookimpl

async def quokka(run: Run, goal: Goal) -> Result:
    return Result(summary="smiles")

def hang():
    import re
    re.match("(a+)+$", "a" * 60 + "b")

def fine():
    print("on standard output")
    return [Check(part="smile", found=True, version="1.0\x1b[31m")]

async def later():
    return []

def check():
    {check}

@hookimpl
def register_agents():
    return [
        AgentSpec(name="quokka-a", description="Smiles.", agent=quokka, check=check),
        AgentSpec(name="quokka-b", description="Smiles.", agent=quokka, check=fine),
    ]
"""


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("sys.exit(4)", "it called sys.exit(4) instead of returning a Check"),
        ("return ['fine']", "it returned 'fine', which is no Check"),
        ("return 'fine'", "it returned 'f', which is no Check"),
        ("return None", "it returned None and no list of Check"),
        ("return later()", "it is an async function"),
        ("1 / 0", "it raised ZeroDivisionError: division by zero"),
        ("os._exit(0)", "it ended its process with status 0, without an error"),
        ("os.abort()", "it killed its process with SIGABRT"),
        ("time.sleep(40)", "it took longer than 10 s"),
        ("hang()", "it took longer than 10 s"),
    ],
)
def test_doctor_says_what_is_wrong_with_an_agents_check(
    check: str, said: str, perdure: Any, tmp_path: Path
) -> None:
    install_plugin(tmp_path / "site", "perdure-quokka", CHECKED.replace("{check}", check))
    done = perdure("doctor", "--json", PERDURE_PLUGINS_ALLOW="perdure-quokka")
    assert done.returncode == 1
    parts = {one["part"]: one for one in json.loads(done.stdout)["checks"]}
    assert parts["quokka-a: check"]["advice"].startswith(said)
    assert parts["quokka-b: smile"]["version"] == "1.0\\x1b[31m"
    waited = "waiting for the check of quokka-a, for at most 10 s" in done.stderr
    assert waited is said.startswith("it took longer")
    assert "Traceback" not in done.stderr


def test_dev_says_whom_it_waits_for(perdure: Any, start_dev: Any, tmp_path: Path) -> None:
    install_plugin(tmp_path / "site", "perdure-sloth", "import time\ntime.sleep(60)\n")
    dev = start_dev(
        PERDURE_PLUGINS_ALLOW="perdure-echo,perdure-sloth", PERDURE_PLUGIN_IMPORT_SECONDS="4"
    )
    said = dev.stop()
    waiting = "waiting for the plugin perdure-sloth, for at most 4 s: importing perdure_sloth"
    assert waiting in said
    assert said.index(waiting) < said.index("took longer than 4 s")


def test_doctor_says_whether_redis_answers(perdure: Any, redis_server: RedisServer) -> None:
    def found(**settings: str) -> list[dict[str, Any]]:
        checks: list[dict[str, Any]] = perdure.json("doctor", **settings)["checks"]
        return [check for check in checks if check["part"] == "Redis"]

    assert found() == []
    (there,) = found(PERDURE_REDIS_URL=redis_server.url)
    assert there["found"]
    redis_server.kill()
    (gone,) = found(PERDURE_REDIS_URL=redis_server.url)  # of which the command's status is 0
    assert not gone["found"]
    assert "correct PERDURE_REDIS_URL" in gone["advice"]
    assert redis_server.password not in f"{there}{gone}"
