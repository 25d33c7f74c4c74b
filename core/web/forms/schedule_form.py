"""The form that makes or changes a schedule: what was filled in, what is wrong with it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import JsonValue, ValidationError
from starlette.datastructures import ImmutableMultiDict

from perdure.agents.parameters import ParametersRefused
from perdure.models.schedules.content import OverlapPolicy, ScheduleContent
from perdure.schemas.schedules.requests import ScheduleChanges, ScheduleRequest

OVERLAPS: Final[Mapping[str, str]] = {
    OverlapPolicy.SKIP: "leave the next one out",
    OverlapPolicy.BUFFER_ONE: "start one when it has ended",
    OverlapPolicy.BUFFER_ALL: "start all that came due when it has ended",
    OverlapPolicy.CANCEL_OTHER: "cancel it, and start the next one then",
    OverlapPolicy.TERMINATE_OTHER: "start the next one at once, and cancel it",
    OverlapPolicy.ALLOW_ALL: "let both run",
}
_DURATIONS: Final = {
    "every": "every_seconds", "jitter": "jitter_seconds", "catch_up": "catch_up_seconds",
}  # fmt: skip
_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
# Which field of the form has what the models name otherwise.
_PLACES: Final = {
    **{name: shown for shown, name in _DURATIONS.items()},
    "goal.goal_id": "name",
    "goal.description": "description",
    "goal.agent_type": "agent_type",
    "goal.parameters": "parameters",
}


class ScheduleRefused(Exception):
    """What was filled in is no schedule.

    Attributes:
        problems: What is wrong with which field, by its name; what is at none has the empty one.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class ScheduleForm:
    """A form for a new schedule, or for one that there is.

    Attributes:
        name: The schedule that is changed; empty for a new one.
        sent: What was filled in, by the names of the fields.
        problems: What is wrong with which field, by its name.
        problem: What else is wrong.
    """

    name: str
    sent: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @classmethod
    def new(cls) -> "ScheduleForm":
        """Return an empty form."""
        return cls("", {"time_zone": "UTC", "overlap": OverlapPolicy.SKIP, "catch_up": "1d"})

    @classmethod
    def of(cls, content: ScheduleContent) -> "ScheduleForm":
        """Return the form as it would be filled in for a schedule that there is."""
        sent = {
            "agent_type": content.goal.agent_type,
            "description": content.goal.description,
            "parameters": json.dumps(content.goal.parameters, indent=1, ensure_ascii=False)
            if content.goal.parameters
            else "",
            "cron": "\n".join(content.cron),
            "every": _duration_text(content.every_seconds or 0),
            "time_zone": content.time_zone,
            "jitter": _duration_text(content.jitter_seconds),
            "start_at": content.start_at.isoformat() if content.start_at else "",
            "end_at": content.end_at.isoformat() if content.end_at else "",
            "overlap": content.overlap.value,
            "catch_up": _duration_text(content.catch_up_seconds),
            "pause_on_failure": "on" if content.pause_on_failure else "",
            "only_if_changed": "on" if content.only_if_changed else "",
        }
        return cls(content.name, sent)

    @classmethod
    def read(cls, name: str, form: ImmutableMultiDict[str, str]) -> "ScheduleForm":
        """Return a form as it was sent."""
        return cls(name, dict(form))

    def request(self) -> ScheduleRequest:
        """Return the schedule to create.

        Raises:
            ScheduleRefused: It is none.
        """
        name = self._text("name")
        fields = self._fields()
        fields["goal"] = {"goal_id": name, **self._goal()}
        try:
            return ScheduleRequest.model_validate({"name": name, **fields})
        except ValidationError as error:
            raise _refused(error) from error

    def changes(self) -> ScheduleChanges:
        """Return what is to be different in the schedule: all that the form has.

        Raises:
            ScheduleRefused: It cannot be read.
        """
        fields = self._fields()
        if fields["every_seconds"] is None:
            fields["offset_seconds"] = 0
        try:
            return ScheduleChanges.model_validate({**fields, "goal": self._goal()})
        except ValidationError as error:
            raise _refused(error) from error

    def refused(self, error: ScheduleRefused | ParametersRefused) -> "ScheduleForm":
        """Return the form with what is wrong with it, each at its field."""
        if isinstance(error, ParametersRefused):
            return replace(self, problems={"parameters": str(error)})
        problems = dict(error.problems)
        return replace(self, problem=problems.pop("", ""), problems=problems)

    def failed(self, message: str) -> "ScheduleForm":
        """Return the form with a problem that is at no field."""
        return replace(self, problem=message)

    def _text(self, name: str) -> str:
        return self.sent.get(name, "").replace("\r\n", "\n").strip()

    def _goal(self) -> dict[str, JsonValue]:
        typed = self._text("parameters")
        try:
            parameters = json.loads(typed or "{}")
        except (ValueError, RecursionError):
            parameters = None
        if not isinstance(parameters, dict):
            raise ScheduleRefused({"parameters": 'this is no JSON object, such as {"most": 3}'})
        return {
            "agent_type": self._text("agent_type"),
            "description": self._text("description"),
            "parameters": parameters,
        }

    def _fields(self) -> dict[str, JsonValue]:
        seconds: dict[str, JsonValue] = {"every_seconds": None, "jitter_seconds": 0}
        problems = {}
        for shown, name in _DURATIONS.items():
            if typed := self._text(shown):
                seconds[name] = _duration(typed)
                if seconds[name] is None:
                    problems[shown] = f"“{typed[:40]}” is no duration: write it like 90s, 15m or 2d"
        if problems:
            raise ScheduleRefused(problems)
        cron: list[JsonValue] = [line for line in self._text("cron").split("\n") if line.strip()]
        return {
            "cron": cron,
            "time_zone": self._text("time_zone"),
            "start_at": self._text("start_at") or None,
            "end_at": self._text("end_at") or None,
            "overlap": self._text("overlap"),
            "pause_on_failure": self.sent.get("pause_on_failure") == "on",
            "only_if_changed": self.sent.get("only_if_changed") == "on",
            **seconds,
        }


def _duration(text: str) -> int | None:
    found = re.fullmatch(r"(\d{1,9})([smhd])", text)
    return None if found is None else int(found[1]) * _SECONDS[found[2]]


def _duration_text(seconds: int) -> str:
    """Return seconds as the form has them: in the largest unit of which they are whole ones."""
    unit = next((unit for unit, of in _SECONDS.items() if seconds and seconds % of == 0), "")
    return f"{seconds // _SECONDS[unit]}{unit}" if unit else ""


def _refused(error: ValidationError) -> ScheduleRefused:
    problems: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        location = [str(part) for part in detail["loc"] if not isinstance(part, int)]
        place = ".".join(location)
        message = str(detail["msg"]).removeprefix("Value error, ")
        if detail["type"] == "string_pattern_mismatch":
            message = f"“{detail['input']}” is no such name: begin with a letter or a digit"
        problems.setdefault(_PLACES.get(place, place), message)
    return ScheduleRefused(problems)
