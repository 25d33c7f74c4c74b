"""With --json, stdout holds one JSON document, whatever plugins and libraries print."""

import json
import subprocess
import sys
from pathlib import Path

NOISY = """
import os
import sys

import click

from perdure.cli.main import perdure, main
from perdure.cli.output.printing import print_json
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option


@perdure.command()
@json_option
@handle_errors
def noisy(as_json: bool) -> None:
    print("a plugin prints")
    os.write(1, b"a library writes\\n")
    if as_json:
        print_json({"answer": 42})
    else:
        click.echo("the answer")


sys.argv = ["perdure", "noisy", *sys.argv[1:]]
main()
"""


def run(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "noisy.py"
    script.write_text(NOISY)
    command = (sys.executable, str(script), *options)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


def test_json_is_alone_on_stdout(tmp_path: Path) -> None:
    done = run(tmp_path, "--json")
    assert json.loads(done.stdout) == {"answer": 42}
    assert "a plugin prints" in done.stderr
    assert "a library writes" in done.stderr


def test_native_code_never_prints_on_stdout(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.stdout == "a plugin prints\nthe answer\n"
    assert done.stderr == "a library writes\n"
