"""Requests of batches: those that take long have the time for it."""

from perdure.client.requests import batches


def test_a_source_of_many_items_may_take_its_time() -> None:
    source = {"upload": "upload:1/rows.csv", "format": "csv"}
    assert batches.start("b", "echo", source=source).seconds == batches.SOURCE_SECONDS
    assert batches.add("b", source=source).seconds == batches.SOURCE_SECONDS
    assert batches.start("b", "echo", items=[{"key": "a"}]).seconds == 0
    assert batches.add("b", items=[]).seconds == 0
