"""The model endpoint of the fault tests: it adds, and misbehaves often, as its seed says.

``python -m perdure.testing.model_endpoint.server tests.faults.endpoint:script`` runs it.
"""

import os
import random

from perdure.testing import ChatRequest, Reply, breaks_off, garbles, keeps_silent, refuses, says
from tests.faults.effects import note

SEED = "PERDURE_FAULT_SEED"
# How many times in a row at most, and how often otherwise, the same question meets a fault.
FAULTS_IN_A_ROW = 3
CHANCE = 0.3
ANSWER = "The sum of these two numbers, as far as can be told, is"

FAULTS: dict[str, Reply] = {
    "429": refuses(429, retry_after=0.5),
    "429-long": refuses(429, retry_after=11),
    "500": refuses(500),
    "503": refuses(503, retry_after=1),
    "half-stream": breaks_off(f"{ANSWER} unknown", after=2),
    "garbage": garbles(),
    "silence": keeps_silent(),
}
WEIGHTS = (5, 1, 5, 3, 5, 3, 2)


def script(asked: ChatRequest) -> Reply:
    """Answer a question such as ``add 3 and 4``, or misbehave."""
    kind = _fault_of(asked)
    if kind is not None:
        note("endpoint", kind, "request")
        return FAULTS[kind]
    *_, one, _, two = asked.last.split()
    return says(f"{ANSWER} {int(one) + int(two)}", delay=0.02, pause=0.02)


def _fault_of(asked: ChatRequest) -> str | None:
    kinds = list(FAULTS)
    if asked.number <= 2 * len(kinds):
        # Whatever the seed, each fault comes about once.
        return kinds[asked.number // 2 - 1] if asked.number % 2 == 0 else None
    chance = random.Random(f"{os.environ.get(SEED, '0')} {asked.prompt} {asked.times}")
    if asked.times > FAULTS_IN_A_ROW or chance.random() >= CHANCE:
        return None
    return chance.choices(kinds, WEIGHTS)[0]
