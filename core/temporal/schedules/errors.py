"""The errors of schedules, each as one sentence."""


class UnknownSchedule(LookupError):
    """There is no schedule of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no schedule {name!r}: perdure schedules list shows all")


class ScheduleExists(Exception):
    """There is a schedule of that name already."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is a schedule {name!r} already: give this one another name, or delete that one"
        )
