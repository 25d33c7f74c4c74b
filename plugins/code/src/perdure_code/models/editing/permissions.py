"""Which files a model may change for a task."""

import re
import sys
from importlib.util import find_spec
from typing import Final, Literal

from perdure_code.models.editing.edited_repository import PathRefused
from perdure_code.repository.working_copy import is_test

Purpose = Literal["fix", "test"]

# What decides how, or whether, the tests run.
_RUNNING: Final = re.compile(
    r"(?:conftest|noxfile|setup|sitecustomize|usercustomize)\.py|(?:pytest|tox|mypy)\.ini"
    r"|setup\.cfg|pyproject\.toml|makefile|justfile|.*\.pth|package(?:-lock)?\.json"
    r"|(?:jest|vitest|karma|babel|tsconfig)[\w.]*\.\w+|go\.(?:mod|sum)|cargo\.(?:toml|lock)"
    r"|pom\.xml|build\.gradle(?:\.kts)?|build\.rs|requirements[\w-]*\.txt|.*\.lock",
    re.IGNORECASE,
)
_TEST_RUNNERS: Final = frozenset(
    {"_pytest", "coverage", "hypothesis", "nose", "pluggy", "pytest", "unittest"}
)
_CODE: Final = (".py", ".pyi", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".go", ".rs", ".java")


def refuse_change(
    path: str, purpose: Purpose, *, is_new: bool, is_in_package: bool = False
) -> None:
    """Refuse a file that the task is not about.

    Args:
        path: The file, relative to the repository, as it is plainly written.
        purpose: What is to be done.
        is_new: Whether the model adds it.
        is_in_package: Whether it is added to a package of the repository.

    Raises:
        PathRefused: It is not to be changed; says why.
    """
    name = path.rpartition("/")[2]
    if _RUNNING.fullmatch(name):
        raise PathRefused(f"{path} is not to be changed: it decides how the tests run")
    if not path.endswith(_CODE):
        raise PathRefused(f"{path} is not to be changed: only source code is")
    if purpose == "test" and not (is_new and is_test(path)):
        raise PathRefused(
            f"{path} is not to be changed: the task is to add tests, in new files such as"
            " tests/test_something.py"
        )
    if is_new and not is_in_package:
        module = _module_of(path)
        if module in _TEST_RUNNERS or _is_installed(module):
            raise PathRefused(f"{path} is not to be added: it would take the place of {module}")


def _module_of(path: str) -> str:
    """Return the name under which a file is imported first, as folders of tests are searched."""
    if is_test(path):
        return path.rpartition("/")[2].rpartition(".")[0]
    return path.removeprefix("src/").split("/")[0].removesuffix(".py")


def _is_installed(module: str) -> bool:
    """Say whether there is such a module without the repository."""
    if module in sys.stdlib_module_names:
        return True
    try:
        return module.isidentifier() and find_spec(module) is not None
    except (ImportError, ValueError):
        return False
