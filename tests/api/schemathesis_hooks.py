"""What Schemathesis is given beside the OpenAPI document: ids that exist, and a check of problems.

Imported by Schemathesis's own process.
"""

import json
import os
from typing import Any

import schemathesis

from perdure.api.routes.goals import MAX_WAIT_SECONDS

LONGEST_WAIT = 1
KNOWN: dict[str, list[str]] = json.loads(os.environ["KNOWN_IDS"])
DOCUMENT: dict[str, Any] = {}


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Name what there is, beside what there is not."""
    DOCUMENT.update(raw_schema)
    for path, operations in raw_schema["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                # A stream of events ends when its run has ended.
                is_stream = path.endswith("/events")
                ids = KNOWN.get("ended" if is_stream else parameter["name"])
                if parameter["in"] == "path" and ids:
                    parameter["schema"] = {"anyOf": [{"enum": ids}, parameter["schema"]]}


@schemathesis.check
def documented_problem(ctx: Any, response: Any, case: Any) -> None:
    """An error is of a type that the operation has among its answers."""
    [media_type] = response.headers.get("content-type", [""])
    if media_type != "application/problem+json":
        return
    operation = DOCUMENT["paths"][case.operation.path].get(case.method.lower(), {})
    answer = operation.get("responses", {}).get(str(response.status_code))
    if answer is None:  # which another check says
        return
    if "$ref" in answer:
        answer = DOCUMENT["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    examples = answer["content"][media_type]["examples"]
    known = {example["value"]["type"] for example in examples.values()}
    kind = response.json()["type"]
    assert kind in known, f"{kind} is none of {sorted(known)}"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Wait a second at most for the end of a goal, which may ask somebody and not end at all."""
    wait = (case.query or {}).get("wait")
    if isinstance(wait, int | float) and LONGEST_WAIT < wait <= MAX_WAIT_SECONDS:
        case.query["wait"] = LONGEST_WAIT
