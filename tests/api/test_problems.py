"""The problem types: each error has one, each is documented, and none is made up."""

import inspect
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from perdure.api.app import create_app
from perdure.api.problems.answers import MEDIA_TYPE
from perdure.api.problems.types import URI_PREFIX, ProblemType
from perdure.api.routes.problems import add_problem_handlers
from perdure.settings import Settings
from perdure.stores.database import errors
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.ports import free_port
from tests.api.conftest import ECHO, ServeApi
from tests.support.plugins import registry_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[2]
# What only the command line meets: it alone finds goals by part of a name.
ELSEWHERE = {errors.AmbiguousName}
_VALUES: dict[object, object] = {int: 1, list[str]: ["x"]}
STORES_ERRORS = [
    class_
    for class_ in vars(errors).values()
    if inspect.isclass(class_) and class_.__module__ == errors.__name__
]


async def raised(error: Exception) -> httpx.Response:
    app = FastAPI()
    add_problem_handlers(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as api:
        return await api.get("/")


def instance(class_: type[Exception]) -> Exception:
    if "__init__" not in vars(class_):
        return class_("x")
    parameters = inspect.signature(class_).parameters.values()
    return class_(*(_VALUES.get(item.annotation, "x") for item in parameters))


@pytest.mark.parametrize("class_", sorted(set(STORES_ERRORS) - ELSEWHERE, key=str))
async def test_each_error_of_the_stores_has_a_type(class_: type[Exception]) -> None:
    answer = await raised(instance(class_))
    body = answer.json()
    kind = ProblemType[body["type"].removeprefix(URI_PREFIX).upper().replace("-", "_")]
    assert kind is not ProblemType.INTERNAL_ERROR
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.status_code == body["status"] == kind.status
    assert body["title"] == kind.title
    assert body["detail"]
    assert ("retry-after" in answer.headers) == (kind.status == 503)


async def test_what_nobody_expected_is_not_shown() -> None:
    answer = await raised(RuntimeError("password=hunter2"))
    assert answer.status_code == 500
    assert answer.json()["type"] == ProblemType.INTERNAL_ERROR.uri
    assert "hunter2" not in answer.text


async def test_every_route_documents_its_problems() -> None:
    service = cast("GoalService", type("Service", (), {"registry": registry_of(ECHO)})())
    document: dict[str, Any] = create_app(service, Settings(_env_file=None)).openapi()
    assert document["security"] == [{"key": []}, {}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert document["paths"]["/healthz"]["get"]["security"] == []
    assert "HTTPValidationError" not in document["components"]["schemas"]
    shared = document["components"]["responses"]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            answers = {
                status: shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
                for status, answer in operation["responses"].items()
            }
            assert path in {"/healthz", "/readyz"} or {"400", "401", "403", "429", "503"} <= {
                *answers
            }
            assert "422" in answers or not operation.get("requestBody"), path
            for status, answer in answers.items():
                if status[0] in "45" and not path.startswith("/readyz"):
                    assert list(answer["content"]) == [MEDIA_TYPE], (path, status)


async def test_the_frameworks_own_errors_are_problems(serve_api: ServeApi) -> None:
    api = await serve_api(f"127.0.0.1:{free_port()}", worker=False)
    unknown, wrong = await api.get("/api/nothing"), await api.put("/healthz")
    for path, methods in (("/api/keys", "GET, POST"), ("/api/uploads/x", "DELETE, GET")):
        assert (await api.patch(path)).headers["allow"] == methods
    assert unknown.json()["type"] == ProblemType.UNKNOWN_ROUTE.uri
    assert wrong.json()["type"] == ProblemType.METHOD_NOT_ALLOWED.uri
    assert MEDIA_TYPE in wrong.headers["content-type"]
