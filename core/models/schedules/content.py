"""What a schedule starts, and when: the body of ``POST /api/schedules``."""

import re
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, StringConstraints, field_validator, model_validator

from perdure.models.base import LastingModel
from perdure.models.goals import GoalContent

MAX_NAME_CHARACTERS: Final = 64
NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME_CHARACTERS - 1}}}", re.ASCII)
# What a long chain needs is an agent that delegates.
MAX_FOLLOWING_GOALS: Final = 10
_YEAR_SECONDS: Final = 366 * 86_400

ScheduleName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=MAX_NAME_CHARACTERS),
]
CronText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Seconds = Annotated[int, Field(ge=0, le=_YEAR_SECONDS)]


class OverlapPolicy(StrEnum):
    """What becomes of a start whose time comes while the one before it still runs."""

    SKIP = "skip"
    BUFFER_ONE = "buffer-one"
    BUFFER_ALL = "buffer-all"
    CANCEL_OTHER = "cancel-other"
    TERMINATE_OTHER = "terminate-other"
    ALLOW_ALL = "allow-all"


class ScheduleContent(LastingModel):
    """A schedule, as callers describe it.

    Attributes:
        name: Its name, which no other schedule of the tenant has.
        goal: What it starts. Its description may hold ``{scheduled_time}``, in place of which the
            agent reads the time for which it was started, as ISO 8601 with the offset.
        cron: When: cron expressions of five fields (minute, hour, day of the month, month, day of
            the week), of six with the year last, or of seven with the second first; or
            ``@hourly``, ``@daily``, ``@weekly``, ``@monthly``, ``@yearly``.
        every_seconds: When: every so many seconds, counted from 1970 in UTC.
        offset_seconds: So many seconds after each of these.
        time_zone: The time zone of cron, such as ``Europe/Berlin``. A time that does not exist on a
            day, as when clocks go forward, is left out on that day; one that comes twice, as when
            they go back, counts once or twice, as Temporal has it for that time zone.
        jitter_seconds: Each start is put off by a chance part of this.
        start_at: Nothing is started before.
        end_at: Nothing is started after.
        overlap: What becomes of a start while the one before it runs.
        catch_up_seconds: How late a start may be, as after the server was down; later ones are
            left out.
        pause_on_failure: Pause the schedule when a goal of it fails.
        only_if_changed: Start nothing when the files and web pages that the goal's parameters name
            have the same content as when it last completed.
        on_success: What is started next when the goal has completed, one after the other. Their
            descriptions may also hold ``{result}``, the summary of the goal before, and
            ``{workflow_id}``, its run.
    """

    name: ScheduleName
    goal: GoalContent
    cron: Annotated[tuple[CronText, ...], Field(max_length=10)] = ()
    every_seconds: Annotated[int, Field(ge=1, le=_YEAR_SECONDS)] | None = None
    offset_seconds: Seconds = 0
    time_zone: Annotated[str, StringConstraints(min_length=1, max_length=100)] = "UTC"
    jitter_seconds: Seconds = 0
    start_at: AwareDatetime | None = None
    end_at: AwareDatetime | None = None
    overlap: OverlapPolicy = OverlapPolicy.SKIP
    catch_up_seconds: Annotated[int, Field(ge=10, le=_YEAR_SECONDS)] = 86_400
    pause_on_failure: bool = False
    only_if_changed: bool = False
    on_success: Annotated[tuple[GoalContent, ...], Field(max_length=MAX_FOLLOWING_GOALS)] = ()

    @field_validator("cron")
    @classmethod
    def _are_times_alone(cls, cron: tuple[str, ...]) -> tuple[str, ...]:
        for text in cron:
            if "TZ=" in text:
                raise ValueError(f"{text!r} names a time zone: give it as the schedule's time zone")
            if text.startswith("@every"):
                raise ValueError(f"{text!r} is an interval: give it as seconds between starts")
        return cron

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        zone(name)
        return name

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if not self.cron and self.every_seconds is None:
            raise ValueError("say when: give a cron expression, or the seconds between starts")
        if self.every_seconds is not None and self.offset_seconds >= self.every_seconds:
            raise ValueError("the offset is no shorter than the interval: make it shorter")
        if self.every_seconds is None and self.offset_seconds:
            raise ValueError("an offset is of an interval: leave it out, or give the interval")
        if self.only_if_changed and self.overlap is OverlapPolicy.ALLOW_ALL:
            raise ValueError(
                "with the overlap policy allow-all there is no last time to compare inputs with:"
                " choose another"
            )
        return self


def zone(name: str) -> tzinfo:
    """Return a time zone by its name.

    Raises:
        ValueError: There is none.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:  # a folder, a path, an unknown name
        raise ValueError(
            f"there is no time zone {name[:60]!r}: name one such as Europe/Berlin"
        ) from error


def in_zone(time: datetime, name: str) -> datetime:
    """Return a time as the clocks of a time zone show it, with the offset that they have then."""
    return time.astimezone(zone(name))


def when_text(content: ScheduleContent) -> str:
    """Return when a schedule starts something, in one line."""
    parts = [*content.cron]
    if content.every_seconds is not None:
        offset = f" + {content.offset_seconds} s" if content.offset_seconds else ""
        parts.append(f"every {content.every_seconds} s{offset}")
    zone_name = f" ({content.time_zone})" if content.cron else ""
    return ", ".join(parts) + zone_name


def time_text(time: datetime) -> str:
    """Return a time with its offset: the clocks of a time zone may show one twice a year."""
    return f"{time:%Y-%m-%d %H:%M:%S %z}"
