"""Filling the fields of a schema from each file: by rules, and with a model if there is one."""

import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, JsonValue

from perdure.agents import AnswerRefused, Result, Run
from perdure_document.action import Action
from perdure_document.facts import Document
from perdure_document.fields.filled import FilledField, FilledSchema, nested
from perdure_document.fields.filling import fill_fields
from perdure_document.fields.schema import WantedField, read_schema, wanted_fields
from perdure_document.formatting import counted
from perdure_document.model.acceptance import Accepted, accept_proposals
from perdure_document.model.naming import words_of_field
from perdure_document.model.passages import choose_passages
from perdure_document.model.proposing import propose_values
from perdure_document.parameters import DocumentParameters
from perdure_document.report.files import store_report
from perdure_document.report.page import place_in_words, write_notes, write_page, write_table

if TYPE_CHECKING:
    from pydantic_ai.models import Model

_TOLD_REFUSALS: Final = 3
_DATA_FILES: Final = 50
_STYLE: Final = """
.found { color: var(--ins-ink); } .unsure { background: var(--warn); }
.absent,
"""


class FilledFiles(BaseModel):
    """What ``fields.json`` holds: the fields of each file, and the files that were refused."""

    files: tuple[FilledSchema, ...]
    refused: tuple[dict[str, str], ...]


class FieldLookup(Action):
    """Delivers ``fields.html``, and ``fields.json`` with its schema."""

    def __init__(self, run: Run, parameters: DocumentParameters) -> None:
        super().__init__(run, parameters)
        self._files: list[FilledSchema] = []
        self._refused_values: dict[str, JsonValue] = {}

    async def execute(self) -> None:
        """Read the schema and each file, fill the fields, and write."""
        fields = await self._fields()
        async for source, document, share in self.collection.documents(95, 0.7):
            await self.run.progress(
                share.at(0.7),
                f"looking for {counted(len(fields), 'field')} in {source.name}",
            )
            filled = await self._filled(source.path, document, fields)
            self._files.append(
                FilledSchema(
                    path=source.path,
                    title=document.title,
                    values=nested(filled),
                    fields=filled,
                    complete=all(one.status == "found" for one in filled if one.required),
                )
            )
        self.collection.require_any("look for the fields in")
        await self._write()

    def result(self) -> Result:
        """Return how many fields were found, and the values."""
        total = [field for one in self._files for field in one.fields]
        counts = {
            status: sum(field.status == status for field in total)
            for status in ("found", "unsure", "absent")
        }
        summary = (
            f"Found {counts['found']:,} of {counted(len(total), 'field')} in"
            f" {counted(len(self._files), 'file')}; {counts['unsure']:,} unsure,"
            f" {counts['absent']:,} absent."
        )
        unsure = [field for field in total if field.status == "unsure"][:3]
        told = [f"Unsure of {field.path}: {field.why}." for field in unsure]
        data: dict[str, JsonValue] = {
            "counts": dict(counts),
            "files": [one.model_dump(mode="json") for one in self._files[:_DATA_FILES]],
            "refused": self.collection.refused(),
        }
        if self._refused_values:
            data["refused_values"] = dict(self._refused_values)
        words = [summary, *told, self.collection.in_words()]
        ways = sorted({field.way for field in total}, reverse=True) or ["rules"]
        return Result(
            summary=" ".join(filter(None, words)),
            data=data,
            metadata={"filled_by": " and ".join(ways)} | self._way(),
        )

    def _way(self) -> dict[str, JsonValue]:
        """Say why no model was asked where the rules left nothing to ask; the run says the rest."""
        if self._files and not self.run.ways_metadata():
            return {"way": "rules", "way_reason": "the rules are certain of every field"}
        return {}

    async def _filled(
        self, path: str, document: Document, fields: list[WantedField]
    ) -> tuple[FilledField, ...]:
        """Fill the fields by rules, and what these leave open with the model, if there is one."""
        step = self.run.step
        by_rules = await step("fill fields", fill_fields, document, fields)
        open_fields = [
            field for field, one in zip(fields, by_rules, strict=True) if one.status != "found"
        ]

        async def with_model(model: "Model", _: str) -> Accepted:
            words = sorted(set().union(*map(words_of_field, open_fields)))
            passages = await step("choose passages", choose_passages, document, words)
            proposals = await propose_values(model, passages, open_fields)
            accepted = await step(
                "check proposals",
                accept_proposals,
                document,
                fields,
                by_rules,
                proposals,
                model.model_name,
            )
            if not accepted.taken:
                raise AnswerRefused(" ".join(accepted.refused[:_TOLD_REFUSALS]))
            return accepted

        async def without_model(_: str) -> Accepted:
            return Accepted(fields=tuple(by_rules), taken=0, refused=())

        if not open_fields:
            return tuple(by_rules)
        answer = await self.run.try_model("propose fields", with_model, without_model, path)
        if answer.value.refused:
            self._refused_values[path] = list(answer.value.refused)
        return answer.value.fields

    async def _fields(self) -> list[WantedField]:
        given = self.parameters.json_schema
        if isinstance(given, Path):
            schema = await self.run.step("read the schema", read_schema, str(given))
        else:
            schema = given or {}
        return wanted_fields(schema)

    async def _write(self) -> None:
        refused = tuple(
            {"path": one.path, "reason": one.reason} for one in self.collection.refusals
        )
        found = FilledFiles(files=tuple(self._files), refused=refused)
        await self.run.artifact("fields.html", self._page(), media_type="text/html")
        await store_report(self.run, "fields", found)

    def _page(self) -> str:
        pieces = [write_notes(self.collection.refusal_notes())]
        for one in self._files:
            pieces.append(f'<h2 dir="auto">{escape(Path(one.path).name)}</h2>')
            pieces.append(
                write_table(("Field", "Value", "", "Where"), [_row(field) for field in one.fields])
            )
        return write_page(
            f"Fields of {counted(len(self._files), 'file')}", "\n".join(pieces), _STYLE
        )


def _row(field: FilledField) -> tuple[str, str, str, str]:
    value = "" if field.value is None else json.dumps(field.value, ensure_ascii=False).strip('"')
    others = [json.dumps(one.value, ensure_ascii=False).strip('"') for one in field.alternatives]
    shown = f"<bdi>{escape(value)}</bdi>"
    if field.way == "model":
        shown += ' <span class="faint">(with a model)</span>'
    if others:
        shown += f' <span class="faint">or {escape(", ".join(others))}</span>'
    where = "<br>".join(
        f'<q dir="auto">{escape(one.quote)}</q> {escape(place_in_words(one.place))}'
        for one in field.evidence[:3]
    )
    status = f'<span class="{field.status}">{field.status}</span>: {escape(field.why)}'
    return escape(field.path), shown, status, where
