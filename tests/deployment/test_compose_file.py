"""``deploy/compose.yaml``: that it is one, that it names what is there, what services may do."""

import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft202012Validator

from deploy.native.compose_file import ComposeFileRefused, read_compose_file
from deploy.native.programs import GO_PROGRAMS, read_image
from perdure.settings import Settings
from tests.deployment.compose_schema import compose_schema

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
COMPOSE: Final = DEPLOY / "compose.yaml"
FILE: Final = read_compose_file([COMPOSE], {})


def document() -> Any:
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


async def test_it_is_what_the_specification_says() -> None:
    validator = Draft202012Validator(await compose_schema())
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(document())] == []
    wrong = document()
    wrong["services"]["nginx"]["reed_only"] = True
    assert list(validator.iter_errors(wrong)), "the schema refuses nothing"


def test_images_are_pinned_and_known() -> None:
    for name, service in FILE.services.items():
        tag = service.image.rpartition(":")[2]
        assert re.match(r"v?\d+\.\d+(\.\d+)?", tag), f"{name}: {service.image}"
        read_image(service.image)
    assert FILE.services["api-1"].image == f"perdure:{version('perdure')}"
    versions = {program.name: program.target.rpartition("@v")[2] for program in GO_PROGRAMS}
    assert FILE.services["temporal"].image.endswith(f":{versions['temporal-server']}")
    assert f":{versions['temporal-sql-tool']}-" in FILE.services["temporal-schema"].image
    assert FILE.services["temporal-ui"].image.endswith(f":{versions['ui-server']}")
    assert FILE.services["objects"].image.endswith(f":v{versions['versitygw']}")


def test_every_file_that_it_names_is_there() -> None:
    for config in FILE.configs.values():
        assert (DEPLOY / config.file).is_file(), config.file
    for service in FILE.services.values():
        if service.seccomp_profile is not None:
            json.loads((DEPLOY / service.seccomp_profile).read_text(encoding="utf-8"))
        assert set(service.secrets) <= FILE.secrets.keys()
        assert {config.source for config in service.configs} <= FILE.configs.keys()
        assert {volume.partition(":")[0] for volume in service.volumes} <= FILE.volumes.keys()
    assert FILE.in_order()[0] == ["postgresql", "redis"]


def test_make_secrets_writes_every_secret_once(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    command = ["sh", str(DEPLOY / "make-secrets"), str(folder)]
    subprocess.run(command, check=True)
    files = {secret.file.removeprefix("./secrets/") for secret in FILE.secrets.values()}
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert first.keys() == files | {"api-key"}
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "OPENAI_API_KEY").write_text("mine")
    subprocess.run(command, check=True)
    again = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert again == first | {"OPENAI_API_KEY": b"mine"}


def test_no_service_is_root_and_none_writes_to_its_root() -> None:
    for name, service in FILE.services.items():
        assert int(service.user.partition(":")[0]) > 0, name
        # `read_only` and `cap_drop` are true and ALL, or the file is refused.
        assert "no-new-privileges:true" in service.security_opt, name


def test_every_volume_belongs_to_who_writes_it() -> None:
    # A new volume gets the owner of what an image has at its place, and root without.
    made = re.findall(r"(?<!\S)/var/lib/\S+", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    for name, service in FILE.services.items():
        for volume in service.volumes:
            folder = volume.split(":")[1]
            if name == "postgresql":  # its image has one of its user
                continue
            assert service.user == "10001:10001", name
            assert folder in made, volume
            assert service.image.startswith("perdure:") or "prepare" in service.depends_on, name


def test_apis_and_workers_have_no_folder_in_common() -> None:
    homes = [
        volume
        for service in FILE.services.values()
        for volume in service.volumes
        if volume.endswith(":/var/lib/perdure")
    ]
    assert len(homes) == len(set(homes)) == 5
    for name, service in FILE.services.items():
        if {"api", "worker"} & set(service.command):
            assert service.environment["PERDURE_ARTIFACTS_URL"].startswith("s3://"), name
            assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= set(service.secrets), name


def test_redis_forgets_before_its_memory_is_used_up() -> None:
    start = (DEPLOY / "redis/start").read_text(encoding="utf-8")
    (kept,) = re.findall(r"^maxmemory (\d+)mb$", start, re.MULTILINE)
    assert "maxmemory-policy allkeys-lru" in start
    limit = FILE.services["redis"].mem_limit
    assert int(kept) * 1.2 < int(limit.removesuffix("m")), "what it has beside what it keeps"


def test_nothing_waits_for_redis() -> None:
    for name, service in FILE.services.items():
        assert "redis" not in service.depends_on, name
        if {"api", "worker"} & set(service.command):
            assert "PERDURE_REDIS_URL" in service.secrets, name


def test_whoever_opens_the_stores_is_handed_the_encryption_keys() -> None:
    for name, service in FILE.services.items():
        opens = "PERDURE_DATABASE_URL" in service.secrets
        assert ("PERDURE_ENCRYPTION_KEYS" in service.secrets) == opens, name


def test_only_the_pool_of_the_code_agent_may_make_namespaces() -> None:
    profiles = {name: s.seccomp_profile for name, s in FILE.services.items()}
    assert {name for name, profile in profiles.items() if profile} == {"worker-code"}
    with_code = {
        name
        for name, service in FILE.services.items()
        if "worker" in service.command and not service.environment["PERDURE_PLUGINS_DENY"]
    }
    assert with_code == {"worker-code"}


def test_published_ports_are_for_this_machine() -> None:
    published = [port for service in FILE.services.values() for port in service.ports]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_settings_are_settings() -> None:
    fields = {f"PERDURE_{name.upper()}" for name in Settings.model_fields}
    for service in FILE.services.values():
        names = [*service.environment, *service.secrets]
        assert {name for name in names if name.startswith("PERDURE_")} <= fields


def test_the_example_names_what_the_file_asks_for() -> None:
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text(encoding="utf-8")))
    example = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^#(\w+)=", example, re.MULTILINE)) == asked


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"services": {"nginx": {"privileged": True}}}, "services.nginx.privileged"),
        ({"services": {"nginx": {"read_only": False}}}, "services.nginx.read_only"),
        ({"services": {"nginx": {"image": "${IMAGE:?name one}"}}}, "IMAGE is not set: name one"),
    ],
)
def test_what_cannot_be_done_natively_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    (tmp_path / "change.yaml").write_text(yaml.safe_dump(change))
    with pytest.raises(ComposeFileRefused, match=re.escape(message)):
        read_compose_file([COMPOSE, tmp_path / "change.yaml"], {})


def test_interpolation_and_durations(tmp_path: Path) -> None:
    change = {
        "services": {
            "nginx": {
                "command": ["$$", "${A}-$A", "${B:-b}", "${C-c}"],
                "stop_grace_period": "1m30s",
            }
        }
    }
    (tmp_path / "change.yaml").write_text(yaml.safe_dump(change))
    file = read_compose_file([COMPOSE, tmp_path / "change.yaml"], {"A": "a", "B": "", "C": ""})
    assert file.services["nginx"].command == ("$", "a-a", "b", "")
    assert file.services["nginx"].stop_grace_period == 90


class Answers(BaseHTTPRequestHandler):
    """Answers ``/503`` with 503, and so on."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.removeprefix("/")))
        self.end_headers()


def is_healthy(url: str) -> bool:
    command = [sys.executable, str(DEPLOY / "docker/answers"), url]
    return subprocess.run(command, check=False).returncode == 0


def test_what_wants_a_key_is_healthy_too() -> None:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}"
        healthy = [is_healthy(f"{url}/{status}") for status in (200, 401, 404, 503)]
        server.shutdown()
        serving.join()
    assert healthy == [True, True, False, False]
    assert not is_healthy(f"{url}/200"), "nothing listens there any more"
