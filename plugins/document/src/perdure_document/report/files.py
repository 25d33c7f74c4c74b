"""What programs read of a report: its JSON, and the schema that this keeps."""

import json

from pydantic import BaseModel

from perdure.agents import Run


async def store_report(
    run: Run, name: str, report: BaseModel, *, written: str | None = None
) -> None:
    """Store ``<name>.json`` and ``<name>.schema.json`` as artifacts.

    Args:
        run: The goal's run.
        name: What the files are called.
        report: What the first holds.
        written: How the first writes it, where a part is left out.
    """
    written = (written or report.model_dump_json(indent=2)) + "\n"
    await run.artifact(f"{name}.json", written, media_type="application/json")
    schema = json.dumps(report.model_json_schema(mode="serialization"), indent=2) + "\n"
    await run.artifact(f"{name}.schema.json", schema, media_type="application/schema+json")
