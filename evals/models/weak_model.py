"""A weak model that costs nothing: SmolLM2 with 135 million parameters, served on loopback.

It comes inside a package and talks nonsense fluently, which makes it the best adversary there is.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx

from benchmarks.verdict import report
from evals.environments import environment_of

NAME: Final = "smollm2"
_SERVER: Final = Path(__file__).with_name("weak_model_server.py")
_START_SECONDS: Final = 120.0


@contextmanager
def weak_model() -> Iterator[dict[str, str]]:
    """Serve the model in a child process, and end that in the end.

    Yields:
        The environment in which Perdure's models are this one.

    Raises:
        RuntimeError: The server ended, or did not answer in time.
    """
    python = environment_of("weak-model")
    child = subprocess.Popen(
        [python, str(_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None, "it is a pipe"
        url = child.stdout.readline().strip()
        if not url:
            raise RuntimeError("the weak model's server ended before it listened: see above")
        _wait_for(url, child)
        report(f"{NAME} answers at {url}")
        yield {
            "PERDURE_MODEL": f"openai-chat:{NAME}",
            "OPENAI_BASE_URL": url,
            "OPENAI_API_KEY": "none-needed",
        }
    finally:
        # The server ends with its standard input, so also when this process is killed.
        with suppress(BrokenPipeError):
            assert child.stdin is not None, "it is a pipe"
            child.stdin.close()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        assert child.stdout is not None, "it is a pipe"
        child.stdout.close()


def _wait_for(url: str, child: subprocess.Popen[str]) -> None:
    limit = time.monotonic() + _START_SECONDS
    while time.monotonic() < limit:
        if child.poll() is not None:
            raise RuntimeError(f"the weak model's server ended with status {child.returncode}")
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/models", trust_env=False).is_success:
                return
        time.sleep(0.2)
    raise RuntimeError(f"the weak model's server did not answer within {_START_SECONDS:.0f} s")
