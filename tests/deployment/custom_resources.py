"""The parts that the chart uses of resources that are not Kubernetes' own, as JSON schemas."""

from typing import Any, Final

_TEXT: Final = {"type": "string", "minLength": 1}
_DURATION: Final = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"}
_ANY: Final = {"type": "object", "minProperties": 1}


def _closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": required | optional,
        "required": list(required),
    }


_NAMED: Final = _closed({"name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}})
_KEY: Final = _closed({"name": _TEXT, "key": _TEXT})
_STEP: Final = _closed(
    {
        "rampPercentage": {"type": "integer", "minimum": 1, "maximum": 99},
        "pauseDuration": _DURATION,
    }
)
_LABELS: Final = _closed({"matchLabels": _ANY})
_COUNT: Final = {"type": "integer", "minimum": 1}


def _endpoints() -> dict[str, Any]:
    authorization = _closed({"credentials": _KEY})
    endpoint = _closed(
        {"port": _TEXT, "path": _TEXT, "interval": _DURATION}, authorization=authorization
    )
    return {"type": "array", "minItems": 1, "items": endpoint}


SPECIFICATIONS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("temporal.io/v1alpha1", "Connection"): _closed(
        {"hostPort": {"type": "string", "pattern": "^[a-zA-Z0-9.-]+:[0-9]+$"}},
        tls=_closed({"serverName": _TEXT}),
        mutualTLSSecretRef=_NAMED,
        apiKeySecretRef=_KEY,
    ),
    ("temporal.io/v1alpha1", "WorkerDeployment"): _closed(
        {
            "workerOptions": _closed({"connectionRef": _NAMED, "temporalNamespace": _TEXT}),
            "rollout": _closed(
                {"strategy": {"enum": ["Manual", "AllAtOnce", "Progressive"]}},
                steps={"type": "array", "minItems": 1, "items": _STEP},
            ),
            "sunset": _closed({"scaledownDelay": _DURATION, "deleteDelay": _DURATION}),
            "template": _closed({"metadata": _closed({"labels": _ANY}), "spec": _ANY}),
        },
        replicas={"type": "integer"},
    ),
    ("temporal.io/v1alpha1", "WorkerResourceTemplate"): _closed(
        {
            "workerDeploymentRef": _NAMED,
            # Without a name: the controller gives each version's its own.
            "template": _closed({"apiVersion": _TEXT, "kind": _TEXT, "spec": _ANY}),
        }
    ),
    ("keda.sh/v1alpha1", "ScaledObject"): _closed(
        {
            "scaleTargetRef": _closed({"apiVersion": _TEXT, "kind": _TEXT, "name": _TEXT}),
            "minReplicaCount": _COUNT,
            "maxReplicaCount": _COUNT,
            "pollingInterval": _COUNT,
            "triggers": {
                "type": "array",
                "minItems": 1,
                "items": _closed(
                    {
                        "type": {"const": "postgresql"},
                        # KEDA takes texts alone here.
                        "metadata": _closed({"query": _TEXT, "targetQueryValue": _TEXT}),
                        "authenticationRef": _NAMED,
                    }
                ),
            },
            "advanced": _closed({"horizontalPodAutoscalerConfig": _closed({"behavior": _ANY})}),
        }
    ),
    ("keda.sh/v1alpha1", "TriggerAuthentication"): _closed(
        {
            "secretTargetRef": {
                "type": "array",
                "minItems": 1,
                "items": _closed({"parameter": _TEXT, "name": _TEXT, "key": _TEXT}),
            }
        }
    ),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): _closed(
        {"selector": _LABELS, "jobLabel": _TEXT, "endpoints": _endpoints()}
    ),
    ("monitoring.coreos.com/v1", "PodMonitor"): _closed(
        {"selector": _LABELS, "jobLabel": _TEXT, "podMetricsEndpoints": _endpoints()}
    ),
}
