"""``deploy/helm``: that Kubernetes takes what it makes, and what has to hold of it."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from perdure.settings import Settings
from perdure.temporal.worker.pool import KILL_AFTER_SECONDS
from tests.deployment.custom_resources import SPECIFICATIONS
from tests.support.helm import CHART, OLDEST, Helm

EXAMPLES: Final = sorted((CHART / "examples").glob("*.yaml"))
SETTINGS: Final = {f"PERDURE_{name.upper()}" for name in Settings.model_fields}

Document = dict[str, Any]

by_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)


def example(name: str) -> Path:
    return CHART / "examples" / f"{name}.yaml"


def find(documents: list[Document], kind: str, name: str) -> Document:
    (found,) = [
        document
        for document in documents
        if document["kind"] == kind and document["metadata"]["name"] == name
    ]
    return found


def specification(documents: list[Document], kind: str, name: str) -> Document:
    found: Document = find(documents, kind, name)["spec"]
    return found


def as_kubernetes_has_it(document: Document) -> Iterator[Document]:
    """Yield a document, or what the worker controller makes of one that is its own."""
    name, spec = document["metadata"]["name"], document.get("spec", {})
    match document["kind"]:
        case "WorkerDeployment":
            labels = spec["template"]["metadata"]["labels"]
            yield {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": f"{name}-build"},
                "spec": {"selector": {"matchLabels": labels}, "template": spec["template"]},
            }
        case "WorkerResourceTemplate":
            made = spec["template"] | {"metadata": {"name": f"{name}-build"}}
            assert made["spec"]["scaleTargetRef"] == {}
            target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"{name}-build"}
            yield made | {"spec": made["spec"] | {"scaleTargetRef": target}}
        case _:
            yield document


def pods(documents: list[Document]) -> Iterator[tuple[str, Document]]:
    """Yield the name and the pod of everything that has one."""
    for document in documents:
        template = document.get("spec", {}).get("template", {})
        if "spec" in template and "containers" in template["spec"]:
            yield document["metadata"]["name"], template["spec"]


def variables(pod: Document) -> dict[str, Any]:
    (container,) = pod["containers"]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


@by_example
def test_helm_finds_nothing_to_say_against_it(helm: Helm, example: Path) -> None:
    helm.lint(example)


@by_example
def test_kubernetes_takes_every_document(helm: Helm, example: Path) -> None:
    for document in helm.render(example):
        kind = document["apiVersion"], document["kind"]
        if kind in SPECIFICATIONS:
            assert list(document) == ["apiVersion", "kind", "metadata", "spec"]
            Draft202012Validator(SPECIFICATIONS[kind]).validate(document["spec"])
        for made in as_kubernetes_has_it(document):
            if (made["apiVersion"], made["kind"]) not in SPECIFICATIONS:
                for release in (OLDEST, kubernetes_validate.latest_version()):
                    kubernetes_validate.validate(made, release, strict=True)


def test_what_kubernetes_does_not_know_would_be_found(helm: Helm) -> None:
    deployment = find(helm.render(example("minimal")), "Deployment", "perdure-api")
    deployment["spec"]["template"]["spec"]["hostUser"] = False
    with pytest.raises(kubernetes_validate.ValidationError, match="hostUser"):
        kubernetes_validate.validate(deployment, OLDEST, strict=True)


@by_example
def test_no_container_may_do_more_than_it_needs(helm: Helm, example: Path) -> None:
    found = list(pods(helm.render(example)))
    assert found
    for name, pod in found:
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] >= 10_000
        assert pod["automountServiceAccountToken"] is False
        profile = pod["securityContext"]["seccompProfile"]
        is_sandbox = name.endswith("-sandbox")
        assert profile["type"] == ("Localhost" if is_sandbox else "RuntimeDefault")
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert ("procMount" in security) == is_sandbox
            assert container["resources"]["limits"]["memory"]
            assert re.fullmatch(r".+:\d+\.\d+\.\d+.*", container["image"])
            if "migrations" not in name:
                assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()


@by_example
def test_every_variable_is_there_once_and_means_something(helm: Helm, example: Path) -> None:
    for name, pod in pods(helm.render(example)):
        (container,) = pod["containers"]
        names = [each["name"] for each in container["env"]]
        assert len(names) == len(set(names)), name
        assert {each for each in names if each.startswith("PERDURE_")} <= SETTINGS
        # They are what the settings take.
        texts = {key: value for key, value in variables(pod).items() if isinstance(value, str)}
        Settings.model_validate(
            {
                key.removeprefix("PERDURE_").lower(): value
                for key, value in texts.items()
                if key.startswith("PERDURE_") and value
            }
            | {"oidc_client_id": "perdure"}
        )


@by_example
def test_secrets_are_named_and_never_there(helm: Helm, example: Path) -> None:
    documents = helm.render(example)
    assert not [document for document in documents if document["kind"] == "Secret"]
    for _, pod in pods(documents):
        for name, value in variables(pod).items():
            if re.search("URL_?|KEY|SECRET|PASSWORD|TOKEN", name) and not isinstance(value, str):
                assert value["secretKeyRef"]["name"]
            if name in {"PERDURE_DATABASE_URL", "PERDURE_CALLBACK_SECRET", "TEMPORAL_API_KEY"}:
                assert "secretKeyRef" in value


def test_a_small_installation(helm: Helm) -> None:
    documents = helm.render(example("minimal"))
    kinds = sorted((each["kind"], each["metadata"]["name"]) for each in documents)
    assert kinds == [
        ("Deployment", "perdure-api"),
        ("Deployment", "perdure-worker-default"),
        ("Job", "perdure-migrations"),
        ("PodDisruptionBudget", "perdure-api"),
        ("PodDisruptionBudget", "perdure-worker-default"),
        ("Service", "perdure-api"),
        ("ServiceAccount", "perdure"),
    ]
    found = dict(pods(documents))
    assert variables(found["perdure-worker-default"]) == {
        "AWS_ACCESS_KEY_ID": {"secretKeyRef": {"name": "perdure-bucket", "key": "access-key-id"}},
        "AWS_REGION": "eu-central-1",
        "AWS_SECRET_ACCESS_KEY": {
            "secretKeyRef": {"name": "perdure-bucket", "key": "secret-access-key"}
        },
        "PERDURE_ARTIFACTS_URL": "s3://perdure-artifacts",
        "PERDURE_DATABASE_URL": {"secretKeyRef": {"name": "perdure", "key": "database-url"}},
        "PERDURE_DRAIN_SECONDS": "20",
        "PERDURE_HOME": "/var/lib/perdure",
        "PERDURE_MAX_CONCURRENT_GOALS": "100",
        "PERDURE_METRICS_ADDRESS": "0.0.0.0:9464",
        "PERDURE_PLUGINS_DENY": "perdure-code",
        "PERDURE_POOL": "default",
        "TEMPORAL_ADDRESS": "temporal-frontend.temporal.svc:7233",
        "TEMPORAL_NAMESPACE": "default",
    }
    assert "PERDURE_API_KEYS" in variables(found["perdure-api"])
    (api,) = found["perdure-api"]["containers"]
    assert api["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert api["livenessProbe"]["httpGet"]["path"] == "/healthz"
    (worker,) = found["perdure-worker-default"]["containers"]
    # It reads no store: while they are away, workers wait and are not killed for it.
    assert worker["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert api["image"] == f"perdure:{version('perdure')}"


def test_pools_have_what_their_blocks_say(helm: Helm) -> None:
    documents = helm.render(example("everything"))
    found = dict(pods(documents))
    pools = {
        name: variables(pod)["PERDURE_POOL"] for name, pod in found.items() if "worker" in name
    }
    assert pools == {
        "perdure-worker-default": "default",
        "perdure-worker-gpu": "gpu",
        "perdure-worker-sandbox": "sandbox",
    }
    # The code agent's goals go to the pool that may make sandboxes; no other has the agent.
    for name, pod in found.items():
        if "migrations" not in name:
            assert variables(pod)["PERDURE_AGENT_POOLS"] == "analysis=gpu,code=sandbox"
        assert ("PERDURE_PLUGINS_DENY" in variables(pod)) == (
            name in {"perdure-worker-default", "perdure-worker-gpu"}
        )
    assert found["perdure-worker-gpu"]["nodeSelector"] == {"accelerator": "a10"}
    assert "OPENAI_API_KEY" not in variables(found["perdure-worker-gpu"])
    (worker,) = found["perdure-worker-default"]["containers"]
    assert worker["args"] == ["perdure", "worker", "--processes", "2"]
    assert found["perdure-worker-sandbox"]["hostUsers"] is False
    assert "replicas" not in specification(documents, "Deployment", "perdure-worker-default")


def test_the_code_agents_pool_may_be_in_another_release(helm: Helm) -> None:
    documents = helm.render(example("minimal"), values={"agentPools": {"code": "sandbox"}})
    found = dict(pods(documents))
    # The API checks what is handed in for it, and the workers of this release cannot run it.
    assert "PERDURE_PLUGINS_DENY" not in variables(found["perdure-api"])
    assert variables(found["perdure-worker-default"])["PERDURE_PLUGINS_DENY"] == "perdure-code"


@by_example
def test_pods_have_the_time_that_agents_have_to_end_a_step(helm: Helm, example: Path) -> None:
    for name, pod in pods(helm.render(example)):
        if "worker" in name:
            drain = float(variables(pod)["PERDURE_DRAIN_SECONDS"])
            # So long until the command ends itself by force; see cli/commands/worker.py.
            assert pod["terminationGracePeriodSeconds"] > drain + KILL_AFTER_SECONDS + 5


@by_example
def test_what_selects_pods_finds_them(helm: Helm, example: Path) -> None:
    documents = helm.render(example)
    labels = [
        document["spec"]["template"]["metadata"]["labels"]
        for document in documents
        if document["kind"] in {"Deployment", "WorkerDeployment"}
    ]
    for document in documents:
        spec = document.get("spec", {})
        selector = spec.get("selector", spec.get("podSelector"))
        # The API's monitor selects its Service, by labels that the pods have too.
        if selector:
            wanted = selector.get("matchLabels", selector).items()
            found = [each for each in labels if wanted <= each.items()]
            shared = document["kind"] in {"NetworkPolicy", "PodMonitor"}
            assert len(found) == 1 or (shared and found), document["metadata"]["name"]


def test_whoever_opens_the_stores_can_read_the_keys_and_nobody_else(helm: Helm) -> None:
    for name, pod in pods(helm.render(example("everything"))):
        folder = variables(pod)["PERDURE_ENCRYPTION_KEYS"].rpartition("/")[0]
        (container,) = pod["containers"]
        (mount,) = [each for each in container["volumeMounts"] if each["mountPath"] == folder]
        (secret,) = [each["secret"] for each in pod["volumes"] if each["name"] == mount["name"]]
        assert secret["secretName"] == "perdure-encryption", name
        # A file that everybody may read is refused: the group of the pod may.
        assert secret["defaultMode"] & 0o007 == 0
        assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


def test_the_stores_are_migrated_before_anything_else(helm: Helm) -> None:
    job = find(helm.render(example("everything")), "Job", "perdure-migrations")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    pod = job["spec"]["template"]["spec"]
    # What is made with the release is not there yet, and plugins have no part in it.
    assert "serviceAccountName" not in pod
    assert "PERDURE_DATABASE_URL" in variables(pod)


def test_the_worker_controller_says_where_temporal_is(helm: Helm) -> None:
    documents = helm.render(example("worker-controller"))
    assert not [
        document
        for document in documents
        if document["kind"] in {"Deployment", "HorizontalPodAutoscaler"}
        and "worker" in document["metadata"]["name"]
    ]
    pool = specification(documents, "WorkerDeployment", "perdure-worker-default")
    names = variables(pool["template"]["spec"]).keys()
    # It adds these itself, and a variable that is there twice is refused.
    assert not {name for name in names if name.startswith("TEMPORAL_")}
    assert pool["rollout"]["steps"][0] == {"rampPercentage": 5, "pauseDuration": "5m"}
    connection = specification(
        documents, "Connection", pool["workerOptions"]["connectionRef"]["name"]
    )
    assert connection["apiKeySecretRef"] == {"name": "temporal-cloud", "key": "api-key"}
    api = dict(pods(documents))["perdure-api"]
    assert variables(api)["TEMPORAL_ADDRESS"] == connection["hostPort"]
    assert specification(documents, "WorkerDeployment", "perdure-worker-gpu")["replicas"] == 1


def test_workers_of_another_place_come_alone(helm: Helm) -> None:
    documents = helm.render(example("workers-only"), release="agents")
    kinds = {(document["kind"], document["metadata"]["name"]) for document in documents}
    assert kinds == {
        ("Deployment", "agents-perdure-worker-on-premises"),
        ("PodDisruptionBudget", "agents-perdure-worker-on-premises"),
        ("ServiceAccount", "agents-perdure"),
    }


def test_streams_pass_the_ingress_at_once(helm: Helm) -> None:
    documents = helm.render(example("everything"))
    ingress = find(documents, "Ingress", "perdure")
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    find(documents, "Service", path["backend"]["service"]["name"])
    api = dict(pods(documents))["perdure-api"]
    assert variables(api)["PERDURE_TRUSTED_PROXIES"] == "10.42.0.0/16"


def test_it_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == version("perdure")
    assert chart["kubeVersion"] == f">={OLDEST}.0-0"
