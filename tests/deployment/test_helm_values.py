"""Values that cannot be meant are refused, each with a sentence that says what to change."""

import re
from typing import Any

import pytest
import yaml

from tests.support.helm import CHART, Helm, HelmRefused

MINIMAL = CHART / "examples" / "minimal.yaml"
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a moving tag": ({"image": {"tag": "latest"}}, r"/image/tag.*'not' failed"),
    "an address without a port": (
        {"temporal": {"address": "temporal.example"}},
        r"/temporal/address.*'temporal.example' does not match pattern",
    ),
    "a value that nothing reads": ({"replicas": 3}, "additional properties 'replicas' not allowed"),
    "a number where a text is due": (
        {"settings": {"PERDURE_UPLOAD_BYTES": 500_000_000}},
        "/settings/PERDURE_UPLOAD_BYTES.*got number, want string",
    ),
    "a secret as a value": (
        {"secrets": {"PERDURE_DATABASE_URL": "postgresql://perdure:word@db/perdure"}},
        "/secrets/PERDURE_DATABASE_URL.*got string, want object",
    ),
    "a secret as a setting": (
        {"settings": {"PERDURE_CALLBACK_SECRET": "x" * 32}},
        "settings.PERDURE_CALLBACK_SECRET is a secret: name the Secret that has it under secrets",
    ),
    "a key of a model as a setting": (
        {"pools": [{"name": "default", "settings": {"OPENAI_API_KEY": "sk-1"}}]},
        "settings.OPENAI_API_KEY is a secret",
    ),
    "what the chart sets": (
        {"settings": {"PERDURE_POOL": "gpu"}},
        r"PERDURE_POOL is set by the chart: change pools\[\].name instead",
    ),
    "two pools of one name": (
        {"pools": [{"name": "gpu"}, {"name": "gpu"}]},
        "two blocks are called gpu; give each a name of its own",
    ),
    "a pool's name": (
        {"pools": [{"name": "GPU"}]},
        "/pools/0/name.*'GPU' does not match pattern",
    ),
    "no worker at all": (
        {"pools": [{"name": "gpu", "autoscaling": {"by": "goals", "minReplicas": 0}}]},
        "/pools/0/autoscaling/minReplicas.*minimum",
    ),
    "no place for artifacts": (
        {"artifacts": {"url": ""}},
        "artifacts: give either url, a bucket, or existingClaim",
    ),
    "two places for artifacts": (
        {"artifacts": {"existingClaim": "files"}},
        "artifacts: give either url, a bucket, or existingClaim",
    ),
    "an ingress without proxies": (
        {"ingress": {"enabled": True, "host": "agents.example"}},
        "/ingress/trustedProxies.*minItems",
    ),
    "goals counted for each version": (
        {"workerController": {"enabled": True}, "poolDefaults": {"autoscaling": {"by": "goals"}}},
        "default is scaled by goals, which are counted for all versions together",
    ),
    "fewer at most than at least": (
        {"poolDefaults": {"autoscaling": {"minReplicas": 5, "maxReplicas": 2}}},
        "default has more minReplicas than maxReplicas",
    ),
    "steps of a rollout that are not there": (
        {"workerController": {"enabled": True, "strategy": "Progressive"}},
        "/workerController/steps.*minItems",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused(helm: Helm, case: str) -> None:
    values, sentence = REFUSED[case]
    with pytest.raises(HelmRefused) as refused:
        helm.render(MINIMAL, values=values)
    message = " ".join(str(refused.value).split())
    assert re.search(sentence, message), message


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("temporal", "address"),
        ("secrets", "PERDURE_DATABASE_URL"),
        ("artifacts", "give either url"),
    ],
)
def test_what_has_no_default_is_asked_for(helm: Helm, missing: str, sentence: str) -> None:
    values = yaml.safe_load(MINIMAL.read_text(encoding="utf-8"))
    del values[missing]
    with pytest.raises(HelmRefused, match=sentence):
        helm.render(values=values)
