"""What this distribution brings to Perdure; imported by every command, so it imports little."""

import shutil
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from perdure.agents import AgentSpec, Check, hookimpl
from perdure_code.agent import CodeAgent
from perdure_code.parameters import CodeParameters

_GIT: Final = "to fetch repositories: install the package git"


@hookimpl
def register_agents() -> Iterable[AgentSpec]:
    """Bring the ``code`` agent."""
    return [
        AgentSpec(
            name="code",
            description="Reviews a Python repository: findings, and a patch of the safe fixes.",
            agent=CodeAgent,
            parameters=CodeParameters,
            examples=("Review this repository", "What should we repair first?"),
            check=check,
        )
    ]


def check() -> Iterable[Check]:
    """Say which of the tools that do the work are there, and whether a sandbox can be made."""
    for part in ("ruff", "pytest"):
        try:
            found = version(part)
        except PackageNotFoundError:
            yield Check(part=part, found=False, advice="pip install --upgrade perdure-code")
        else:
            yield Check(part=part, found=True, version=found)
    yield _sandbox()
    where = shutil.which("git")
    yield Check(
        part="git",
        found=where is not None,
        where=where or "",
        advice="" if where else _GIT,
        required=False,
    )


def _sandbox() -> Check:
    """Try the sandbox for the tests of repositories: that the program is there is not enough."""
    from perdure_code.sandbox.bubblewrap import SandboxUnavailable, find_bubblewrap

    try:
        return Check(part="bwrap", found=True, where=find_bubblewrap(), required=False)
    except SandboxUnavailable as error:
        return Check(part="bwrap", found=False, advice=str(error), required=False)
