"""The filter of the list of goals, in its address."""

from datetime import UTC, datetime

from starlette.datastructures import QueryParams

from perdure.models import GoalStatus
from perdure.web.forms.goal_filter import GoalFilter


def test_an_address_reads_back_as_its_filter() -> None:
    shown = GoalFilter(
        status="waiting",
        agent="code",
        search="50 % & more",
        since="7d",
        schedule="nightly",
        delegates=True,
    )
    address = shown.url()
    assert GoalFilter.read(QueryParams(address.partition("?")[2])) == shown
    assert shown.statuses == (GoalStatus.WAITING, GoalStatus.PAUSED)
    assert shown.started_after(datetime(2026, 3, 8, tzinfo=UTC)) == datetime(2026, 3, 1, tzinfo=UTC)
    assert shown.criteria["schedule"] == "nightly"
    assert GoalFilter().url() == "/goals"


def test_a_change_begins_at_the_first_page() -> None:
    shown = GoalFilter(agent="code", before="2026-03-01~x")
    assert shown.url(status="failed") == "/goals?status=failed&agent=code"
    assert shown.url(before="y") == "/goals?agent=code&before=y"


def test_what_an_address_has_by_mistake_is_left_out() -> None:
    shown = GoalFilter.read(QueryParams("status=broken&since=ever&delegates=yes&search=%20"))
    assert shown == GoalFilter()
    assert not shown.is_narrow
