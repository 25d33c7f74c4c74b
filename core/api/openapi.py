"""The OpenAPI document: the routes, what they answer with, the parameters of each agent."""

from copy import deepcopy
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from perdure.agents.plugins.registry import AgentRegistry
from perdure.api.access.paths import is_public
from perdure.api.access.requirements import SECURITY_SCHEME
from perdure.api.documentation.agents import add_agents
from perdure.api.documentation.fields import describe_fields
from perdure.api.documentation.problems import add_problems
from perdure.models import Event
from perdure.schemas.problems import Problem

_Document = dict[str, Any]

DESCRIPTION: Final = """\
Hand in goals, follow them, take their results.

**Keys.** Send a key as `Authorization: Bearer <key>`; `perdure keys create` makes one. Each
operation says which scope of a key it needs; `admin` includes the others. A key is of a tenant, and
sees nothing of another's. The API of this machine alone, without keys, needs none.

**Errors** are `application/problem+json` (RFC 9457): a `type` that does not change, a sentence in
`detail`, and in `errors` the fields at fault. Send a request again after `Retry-After` where an
error has it.

**Limits.** Where the installation limits rates, `RateLimit` and `RateLimit-Policy` say in each
answer what is left. Every answer has an `X-Request-ID`, by which logs and the audit table name it.

**Pages.** A list has a cursor, `before` or `after`: hand it in as the parameter of the same name to
get the next page; it is `null` on the last.
"""

TAGS: Final = (
    ("goals", "Start goals, list and show them."),
    ("batches", "Many goals of one agent, a few at a time, and their outcome as a table."),
    ("control", "Cancel, pause, resume, retry, run again."),
    ("schedules", "Start goals by the clock, again and again."),
    ("events", "What happens in a run: as a stream, or as a file."),
    ("steps", "What a run did step by step, and steps of unknown outcome."),
    ("scores", "How good what a run did is, as people, programs and its agent say."),
    ("artifacts", "The files that runs make."),
    ("uploads", "Files that are handed in for goals."),
    ("approvals", "What runs ask people."),
    ("agents", "What is installed."),
    ("installation", "Workers, and what goals have used."),
    ("keys", "Keys of the caller's tenant, for admins."),
    ("audit", "Who did what, for admins."),
    ("codec", "What Temporal's UI has opened and sealed, for admins."),
    ("health", "For load balancers, orchestrators and Prometheus."),
)


class DocumentedApi(FastAPI):
    """A FastAPI application whose OpenAPI document has all answers, and a goal for each agent.

    The agents' part is made at every request: agents of plugin files are added, changed and
    removed.
    """

    def openapi(self) -> _Document:
        """Return the document."""
        document = self.without_agents()
        registry: AgentRegistry = self.state.perdure.service.registry
        if registry.agents:
            add_agents(document, [agent.spec for _, agent in sorted(registry.agents.items())])
        return document

    def without_agents(self) -> _Document:
        """Return the document of what the API is whatever is installed."""
        if self.openapi_schema is None:
            document = super().openapi()  # which keeps it as that attribute
            _add_security(document)
            add_problems(document)
            # What no route returns as a model: problems, and events as they are streamed.
            for model in (Problem, Event):
                document["components"]["schemas"] |= _schemas_of(model)
            describe_fields(document)
        return deepcopy(super().openapi())


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation, as generated clients have it: that of its function."""
    return route.name


def tags() -> list[dict[str, str]]:
    """Return the groups of operations, in their order."""
    return [{"name": name, "description": description} for name, description in TAGS]


def _schemas_of(model: type[BaseModel]) -> _Document:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), model.__name__: schema}


def _add_security(document: _Document) -> None:
    """Document what a request has to carry: a key, or nothing where the API is this machine's.

    Which scope of it a route needs, the route itself has said.
    """
    document["security"] = [{SECURITY_SCHEME: []}, {}]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if is_public(path):
                operation["security"] = []
            elif "security" in operation:
                # Of several scopes one is enough.
                operation["security"] = [
                    *(
                        {scheme: [scope]}
                        for entry in operation["security"]
                        for scheme, scopes in entry.items()
                        for scope in scopes
                    ),
                    {},
                ]
