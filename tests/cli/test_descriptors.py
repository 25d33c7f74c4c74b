"""How many connections a command that serves may have."""

import resource
import subprocess
import sys

_PRINT_LIMITS = (
    "import resource; from perdure.cli.runtime.descriptors import allow_many_descriptors as allow;"
    "allow(); print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
)


def limits_after(soft: int, hard: int) -> list[int]:
    printed = subprocess.run(
        [sys.executable, "-c", _PRINT_LIMITS],
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
    )
    return [int(limit) for limit in printed.stdout.split()]


def test_a_command_takes_as_many_as_its_system_allows() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 4_000 if hard == resource.RLIM_INFINITY else min(hard, 4_000)
    assert limits_after(300, most) == [most, most]
    assert limits_after(most, most) == [most, most]
