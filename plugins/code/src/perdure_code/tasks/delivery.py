"""Delivering a report in its three forms."""

import json

from pydantic import BaseModel

from perdure.agents import Run
from perdure_code.page import write_page


async def deliver(run: Run, name: str, markdown: str, facts: BaseModel) -> None:
    """Deliver a report as Markdown, as one HTML file, and as JSON with its schema.

    Args:
        run: The run.
        name: The files' name without its ending.
        markdown: The report.
        facts: What it is made from.
    """
    await run.artifact(f"{name}.md", markdown, media_type="text/markdown")
    await run.artifact(f"{name}.html", write_page(markdown), media_type="text/html")
    await run.artifact(
        f"{name}.json", facts.model_dump_json(indent=2) + "\n", media_type="application/json"
    )
    schema = type(facts).model_json_schema(mode="serialization")
    await run.artifact(
        f"{name}.schema.json",
        json.dumps(schema, indent=2) + "\n",
        media_type="application/schema+json",
    )
