"""Helm's command, built once and kept in the cache, and what it makes of the chart."""

import asyncio
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.native.go_programs import GoProgram, ensure_go_program
from perdure.settings import Settings

CHART: Final = Path(__file__).parents[2] / "deploy/helm"
OLDEST: Final = "1.30"
HELM: Final = GoProgram("helm", "helm.sh/helm/v3/cmd/helm@v3.19.5")


class HelmRefused(Exception):
    """Helm ended with an error, which is the message."""


class Helm:
    """Helm, with a folder of its own for what it keeps."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary = binary
        self._folder = folder

    def lint(self, *files: Path) -> None:
        """Check the chart with files of values.

        Raises:
            HelmRefused: It warns of something.
        """
        self._run("lint", "--strict", str(CHART), *_options(files))

    def render(
        self, *files: Path, values: Mapping[str, object] | None = None, release: str = "perdure"
    ) -> list[dict[str, Any]]:
        """Return the documents that are made of files of values, and of further values.

        Raises:
            HelmRefused: The values are refused.
        """
        if values:
            more = self._folder / "values.yaml"
            more.write_text(yaml.safe_dump(dict(values)), encoding="utf-8")
            files = (*files, more)
        text = self._run(
            *("template", release, str(CHART), "--namespace", "agents", *_options(files))
        )
        return [document for document in yaml.safe_load_all(text) if document]

    def _run(self, *arguments: str) -> str:
        ended = subprocess.run(
            [str(self._binary), *arguments],
            env={"HOME": str(self._folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if ended.returncode:
            raise HelmRefused(ended.stdout + ended.stderr)
        return ended.stdout


def get_helm(folder: Path) -> Helm:
    """Return Helm, built where it is not there yet.

    Args:
        folder: Where it may keep things.
    """
    return Helm(asyncio.run(ensure_go_program(HELM, Settings(_env_file=None), print)), folder)


def _options(files: tuple[Path, ...]) -> list[str]:
    # A Helm that is built by itself takes Kubernetes for that of years ago.
    return ["--kube-version", OLDEST, *(option for f in files for option in ("--values", str(f)))]
