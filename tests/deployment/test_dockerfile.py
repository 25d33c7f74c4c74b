"""Reading the Dockerfile and its ignore file, as building it without an engine does."""

from pathlib import Path
from typing import Final

import pytest

from deploy.native.dockerfile import DockerfileRefused, context_files, read_dockerfile

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"


def test_ours_ends_as_a_user_with_an_entry_point() -> None:
    build, image = read_dockerfile(DEPLOY / "Dockerfile")
    assert build.name == "build"
    assert (image.user, image.entrypoint) == ("perdure", ("/usr/local/bin/with-secrets",))
    assert image.environment["PERDURE_HOME"] == "/var/lib/perdure"
    for one in image.instructions:
        if one.name == "COPY" and "from" not in one.options:
            *sources, _ = one.words
            assert all((ROOT / source).is_file() for source in sources)


def test_instructions_lines_and_options(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(
        "# A comment\nFROM a AS one\nRUN x \\\n    && y --flag=1 z\n"
        "FROM b\nCOPY --from=one --chown=u:g /a b /c/\nENV A=1 B='2 3'\n"
    )
    one, two = read_dockerfile(file)
    assert [(i.name, i.text) for i in one.instructions] == [("RUN", "x && y --flag=1 z")]
    assert two.instructions[0].options == {"from": "one", "chown": "u:g"}
    assert two.instructions[0].words == ["/a", "b", "/c/"]
    assert two.environment == {"A": "1", "B": "2 3"}
    file.write_text("FROM a\nHEALTHCHECK NONE\n")
    with pytest.raises(DockerfileRefused, match="HEALTHCHECK"):
        read_dockerfile(file)


def test_the_context_holds_what_the_ignore_file_lets_in(tmp_path: Path) -> None:
    for name in ("a/x.py", "a/tests/t.py", "a/b/tests/t.py", "c/y.py", "d/e/z.py", "d/f.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    ignore = tmp_path / "ignore"
    ignore.write_text("# all but\n*\n!a\n!d/e\n**/tests\n")
    assert list(map(str, context_files(tmp_path, ignore))) == ["a/x.py", "d/e/z.py"]


def test_our_context_holds_no_secret_and_no_environment() -> None:
    files = list(context_files(ROOT, DEPLOY / "Dockerfile.dockerignore"))
    assert {"core", "plugins", "templates", "pyproject.toml"} <= {file.parts[0] for file in files}
    assert not {".venv", ".git", "build"} & {file.parts[0] for file in files}
    assert not any("secrets" in file.parts for file in files if file.parts[0] == "deploy")
