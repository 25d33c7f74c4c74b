"""``perdure plugins check``: each thing that can be wrong with a plugin, and plugins that pass."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from perdure.testing.checks.plugin import check_plugin

METADATA = """Metadata-Version: 2.4
Name: perdure-moss
Version: 1.0
Keywords: perdure-plugin
License-Expression: MIT
Requires-Python: >=3.11
Requires-Dist: perdure<0.2,>=0.1

# Moss
"""
PLUGIN = '''
from pydantic import BaseModel, Field

from perdure.agents import AgentSpec, Goal, Result, Run, agent, hookimpl


class MossParameters(BaseModel):
    word: str = Field(default="moss", description="the word to say")


def say(word: str) -> str:
    return word


@agent(name="moss", examples=("Say it",))
async def moss(run: Run, goal: Goal, parameters: MossParameters) -> Result:
    """Says a word."""
    await run.progress(50)
    return Result(summary=await run.step("say", say, parameters.word))


@hookimpl
def register_agents():
    return [moss]
'''
PYDANTIC = "from pydantic import BaseModel, Field"
TEST = """
from perdure.testing import AgentContract


class TestMoss(AgentContract):
    agent = "moss"
"""


@dataclass(frozen=True)
class Moss:
    """A plugin, installed beside a folder that holds its project.

    Attributes:
        metadata: What its distribution says.
        entry_points: What it registers.
        plugin: The source of its module.
        tests: The source of its tests; no folder for them when empty.
        name: The name of its folder when installed.
    """

    metadata: str = METADATA
    entry_points: str = "[perdure]\nmoss = perdure_moss.plugin\n"
    plugin: str = PLUGIN
    tests: str = TEST
    name: str = "perdure_moss"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Moss], str]]:
    """Return a function that installs a plugin, for child processes too; it returns its folder."""

    def install(moss: Moss) -> str:
        package, site, project = tmp_path / "site" / moss.name, tmp_path / "site", tmp_path / "moss"
        information = site / "perdure_moss-1.0.dist-info"
        for folder in (package, information, project):
            folder.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "plugin.py").write_text(moss.plugin)
        (information / "METADATA").write_text(moss.metadata)
        (information / "entry_points.txt").write_text(moss.entry_points)
        (project / "pyproject.toml").write_text('[project]\nname = "perdure-moss"\n')
        if moss.tests:
            (project / "tests").mkdir()
            (project / "tests" / "test_moss.py").write_text(moss.tests)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.setenv("PYTHONPATH", str(site))
        return str(project)

    yield install
    for module in [name for name in sys.modules if name.startswith("perdure_moss")]:
        del sys.modules[module]


def command(named: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "perdure.cli", "plugins", "check", named, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def test_a_good_plugin_passes(installed: Callable[[Moss], str]) -> None:
    ended = command(installed(Moss()))
    document: dict[str, Any] = json.loads(ended.stdout)

    assert {one["verdict"] for one in document["checks"]} == {"ok"}, document
    names = [one["check"] for one in document["checks"]]
    assert len(set(names)) == len(names)
    assert {"contract of moss", "replay of moss", "tests", "imports of tests"} <= set(names)
    assert document["ok"] is True
    assert ended.returncode == 0


def test_by_its_name_the_contract_is_tried_with_its_own_example(
    installed: Callable[[Moss], str],
) -> None:
    installed(Moss())
    verdicts = {one.check: one for one in check_plugin("moss")}

    assert {one.verdict for one in verdicts.values()} == {"ok"}, verdicts
    assert verdicts["contract of moss"].sentence == "all 11 tests pass with 'Say it'"


def test_by_its_name_what_cannot_be_tried_is_not_checked(
    installed: Callable[[Moss], str],
) -> None:
    installed(does('default="moss", ', ""))
    verdict = list(check_plugin("perdure-moss"))[-1]

    assert (verdict.check, verdict.verdict) == ("contract of moss", "not checked")
    assert "'word' has no default" in verdict.sentence


@dataclass(frozen=True)
class Wrong:
    check: str
    told: str
    moss: Moss = field(default_factory=Moss)


def said(line: str, instead: str = "") -> Moss:
    assert line in METADATA
    return Moss(metadata=METADATA.replace(line, instead))


def does(line: str, instead: str) -> Moss:
    assert line in PLUGIN
    return Moss(plugin=PLUGIN.replace(line, instead))


WRONG = [
    Wrong("keyword", 'write keywords = ["perdure-plugin"]', said("Keywords: perdure-plugin\n")),
    Wrong("licence", "write license =", said("License-Expression: MIT\n")),
    Wrong("python", "write requires-python", said("Requires-Python: >=3.11\n")),
    Wrong("bounds", "does not require perdure", said("Requires-Dist: perdure<0.2,>=0.1\n")),
    Wrong("bounds", "has not an upper bound", said("perdure<0.2,>=0.1", "perdure>=0.1")),
    Wrong("readme", "write a README.md", said("# Moss\n")),
    Wrong(
        "entry point",
        "it has 2 entry points in the group 'perdure'",
        Moss(entry_points="[perdure]\na = perdure_moss.plugin\nb = perdure_moss.plugin\n"),
    ),
    Wrong(
        "entry point",
        "names an object: name the module",
        Moss(entry_points="[perdure]\na = perdure_moss.plugin:moss\n"),
    ),
    Wrong(
        "name",
        "its package 'mosses' should be 'perdure_moss'",
        Moss(name="mosses", entry_points="[perdure]\na = mosses.plugin\n"),
    ),
    Wrong(
        "imports",
        "plugin.py, line 2 imports perdure.stores, which may change",
        does("\nfrom pydantic", "\nimport perdure.stores\nfrom pydantic"),
    ),
    Wrong(
        "imports",
        "line 2 imports perdure.agents.steps.memory",
        does(
            "\nfrom pydantic",
            "\nfrom perdure.agents.steps.memory import MemoryJournal\nfrom pydantic",
        ),
    ),
    Wrong(
        "imports of tests",
        "test_moss.py, line 2 imports perdure.agents.runs.run",
        Moss(tests=f"\nimport perdure.agents.runs.run\n{TEST}"),
    ),
    Wrong("loading", "raised ZeroDivisionError", does("class Moss", "1 / 0\n\n\nclass Moss")),
    Wrong("loading", "register_agent", does("def register_agents", "def register_agnets")),
    Wrong(
        "import time",
        "every command waits for it",
        does("class Moss", "import time\n\ntime.sleep(1.1)\n\n\nclass Moss"),
    ),
    Wrong(
        "words of moss",
        "parameter 'word' of 'moss' has no description",
        does(', description="the word to say"', ""),
    ),
    Wrong("words of moss", "has no examples", does(', examples=("Say it",)', "")),
    Wrong("tests", "has no folder tests", Moss(tests="")),
    Wrong("tests", "1 of its tests fail", Moss(tests=f"{TEST}\n\ndef test_it():\n    assert 0\n")),
    Wrong(
        "contract of moss",
        "no test class for 'moss' inherits AgentContract",
        Moss(tests="def test_it():\n    pass\n"),
    ),
    Wrong(
        "contract of moss",
        "the agent tells no progress",
        does("    await run.progress(50)\n", ""),
    ),
    Wrong(
        "replay of moss",
        "step 'say' is not found again in another process",
        does('"say", say, parameters.word', '"say", say, str(set("abcdefghij"))'),
    ),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.check}-{wrong.told[:30]}")
def test_what_is_wrong_is_told(wrong: Wrong, installed: Callable[[Moss], str]) -> None:
    named = installed(wrong.moss)
    # What comes after it is not waited for.
    verdict = next(one for one in check_plugin(named) if one.check == wrong.check)

    assert verdict.verdict == "failed", verdict
    assert wrong.told in verdict.sentence
    assert "\n" not in verdict.sentence


def test_where_something_fails_the_status_is_1(installed: Callable[[Moss], str]) -> None:
    ended = command(installed(Moss(tests="", metadata=METADATA.replace("# Moss\n", ""))))

    assert json.loads(ended.stdout)["ok"] is False
    assert ended.returncode == 1


def test_what_is_not_installed_is_said(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "perdure-fern"\n')
    for named, told in (
        (str(tmp_path), f"perdure-fern is not installed: run pip install -e {tmp_path}"),
        ("fern", "no plugin 'fern' is installed, and it is no folder with a pyproject.toml"),
    ):
        ended = command(named)
        assert ended.returncode == 1
        assert told in json.loads(ended.stdout)["error"]["message"]


def test_without_pytest_it_says_its_sentence_all_the_same() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None; from perdure.cli.main import main;"
        "sys.argv = ['perdure', 'plugins', 'check', 'nothing', '--json']; main()"
    )
    command = (sys.executable, "-c", code)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "no plugin 'nothing' is installed" in json.loads(ended.stdout)["error"]["message"]


def test_what_was_not_compared_is_not_said_to_be_the_same(
    installed: Callable[[Moss], str],
) -> None:
    changes = f"{TEST}    import uuid\n\n    parameters = {{'word': uuid.uuid4().hex}}\n"
    verdicts = {one.check: one for one in check_plugin(installed(Moss(tests=changes)))}

    assert verdicts["contract of moss"].verdict == "ok"
    assert verdicts["replay of moss"].verdict == "not checked"
    assert "make them once for the class" in verdicts["replay of moss"].sentence


@pytest.mark.parametrize(
    "line",
    [
        "from perdure.agents import steps",
        "from perdure.agents import Run, execution",
        "from perdure.adapters.langgraph.calls import Calls",
        "import perdure.stores",
        "from perdure import stores",
        "from perdure.agents import plugins",
        "import importlib; importlib.import_module('perdure.stores')",
        "import importlib; importlib.import_module(name='perdure.stores')",
        "import importlib; importlib.import_module('.stores', 'perdure')",
        "import importlib as it; it.import_module('perdure.' + 'stores')",
        "from importlib import import_module as load; load(f'perdure.stores')",
        "__import__('perdure.stores')",
        "import pkgutil; pkgutil.resolve_name('perdure.stores:Stores')",
        "import perdure.agents; perdure.agents.plugins.registry",
        "import perdure.agents as api; api.plugins",
        "from perdure import agents; agents.plugins.registry.AgentRegistry",
    ],
)
def test_internals_are_named_however_they_are_imported(
    line: str, installed: Callable[[Moss], str]
) -> None:
    named = installed(does(PYDANTIC, f"{PYDANTIC}\n{line}"))
    verdict = next(one for one in check_plugin(named) if one.check == "imports")
    assert verdict.verdict == "failed"
    assert "which may change at any time" in verdict.sentence


@pytest.mark.parametrize(
    "line",
    [
        "import perdure.agents as api; api.Run.step",
        "from perdure import agents; agents.Goal",
        "import perdure.adapters.pydantic_ai as adapter; adapter.durable",
        "import importlib; importlib.import_module('perdure.agents')",
        "import importlib; importlib.import_module('json')",
    ],
)
def test_what_is_public_may_be_imported_in_any_way(
    line: str, installed: Callable[[Moss], str]
) -> None:
    named = installed(does(PYDANTIC, f"{PYDANTIC}\n{line}"))
    verdict = next(one for one in check_plugin(named) if one.check == "imports")
    assert (verdict.verdict, verdict.sentence) == ("ok", "2 files import nothing internal")


@pytest.mark.parametrize("top_level", ["", "perdure_moss\nmoss_parts\n"])
def test_internals_are_named_in_a_distribution_of_single_modules(
    top_level: str, installed: Callable[[Moss], str], tmp_path: Path
) -> None:
    internal = "from perdure.agents.plugins.registry import AgentRegistry"
    installed(Moss(entry_points="[perdure]\nmoss = perdure_moss\n", tests=""))
    site = tmp_path / "site"
    shutil.rmtree(site / "perdure_moss")
    (site / "perdure_moss.py").write_text(PLUGIN if top_level else f"{internal}\n{PLUGIN}")
    (site / "moss_parts.py").write_text(internal)
    (site / "perdure_moss-1.0.dist-info" / "top_level.txt").write_text(top_level)
    verdict = next(one for one in check_plugin("moss") if one.check == "imports")
    file = "moss_parts.py" if top_level else "perdure_moss.py"
    assert verdict.verdict == "failed"
    assert verdict.sentence.startswith(f"{file}, line 1 imports perdure.agents.plugins.registry")


def test_an_import_that_does_not_end_is_one_answer(
    installed: Callable[[Moss], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_PLUGIN_IMPORT_SECONDS", "3")
    slow = does("class Moss", "import time\n\ntime.sleep(100)\n\n\nclass Moss")
    started = time.monotonic()
    verdicts = {one.check: one for one in check_plugin(installed(slow))}
    assert time.monotonic() - started < 60
    assert verdicts["loading"].verdict == "failed"
    assert "took longer than 3 s: move slow work into the agent" in verdicts["loading"].sentence
    assert "import time" not in verdicts
    assert verdicts["tests"].verdict == "not checked"
