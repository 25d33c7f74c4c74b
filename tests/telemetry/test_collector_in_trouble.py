"""A collector of spans that is away, refuses or is slow costs no goal, and losses are counted."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.telemetry.metrics import recording
from perdure.telemetry.metrics.instruments import Instruments
from perdure.telemetry.traces import process
from perdure.telemetry.traces.entrances import request
from perdure.telemetry.traces.export import STOP_SECONDS
from perdure.temporal.server.ports import free_port
from tests.support.installation import Install
from tests.support.span_collector import SpanCollector, run_span_collector
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

STEPS = 20
SPANS = STEPS + 4  # the goal and its three activities too
TRACE = "0af7651916cd43dd8448eb211c80319c"


async def busy(run: Run, goal: Goal) -> Result:
    for number in range(STEPS):
        await run.step("count", int, number)
    return Result(summary="done")


BUSY = AgentSpec(name="busy", description="Is busy.", agent=busy)


@pytest.fixture
def instruments(monkeypatch: pytest.MonkeyPatch) -> Instruments:
    own = Instruments()
    monkeypatch.setattr(recording._process, "instruments", own)
    return own


def counted(instruments: Instruments) -> float:
    """Return how many lost spans the metrics of this process have."""
    (family,) = (
        one for one in instruments.families() if one.name == "perdure_traces_dropped_spans"
    )
    return family.samples[0].value


@contextmanager
def traces_to(monkeypatch: pytest.MonkeyPatch, url: str, **variables: str) -> Iterator[None]:
    """Send the spans of this process somewhere as long as the block runs."""
    defaults = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1000",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    for name, value in (defaults | variables).items():
        monkeypatch.setenv(name, value)
    assert process.start()
    try:
        yield
    finally:
        process.stop()


def refusing(status: int) -> Callable[[SpanCollector], None]:
    def prepare(collector: SpanCollector) -> None:
        collector.refuses = status

    return prepare


def silent(collector: SpanCollector) -> None:
    collector.may_answer.clear()


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(None, id="away"),
        pytest.param(refusing(400), id="400"),
        pytest.param(refusing(503), id="503"),
        pytest.param(silent, id="silent"),
    ],
)
async def test_a_goal_does_not_notice_and_each_lost_span_is_counted(
    install: Install,
    instruments: Instruments,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[[SpanCollector], None] | None,
) -> None:
    with run_span_collector() as collector:
        url = collector.url
        if prepare is None:
            url = f"http://127.0.0.1:{free_port()}"
        else:
            prepare(collector)
        with traces_to(monkeypatch, url):
            here = await install(BUSY)
            # With a collector that never answers, it would not end if the event loop waited for it.
            output, _ = await here.finish(await here.start("busy"))
            assert output.success
            await until_async(lambda: process.dropped_spans() == SPANS, "the loss of all")
        assert collector.names == []
    assert counted(instruments) == SPANS


@pytest.mark.parametrize(
    ("status", "headers", "least_seconds"),
    [(429, {"retry-after": "1"}, 1.0), (503, {}, 0.1)],
)
async def test_one_that_has_too_much_to_do_is_asked_again_when_it_says(
    install: Install,
    instruments: Instruments,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    headers: dict[str, str],
    least_seconds: float,
) -> None:
    with run_span_collector() as collector:
        collector.answers = [(status, headers)]
        with traces_to(monkeypatch, collector.url, OTEL_EXPORTER_OTLP_TIMEOUT="60000"):
            here = await install(BUSY)
            output, _ = await here.finish(await here.start("busy"))
            assert output.success
            await until_async(lambda: len(collector.names) == SPANS, "every span")
        first, second = collector.requested_at[:2]
        assert second - first >= least_seconds
        assert collector.names.count("count") == STEPS
    assert counted(instruments) == 0


async def test_one_that_asks_for_more_patience_than_there_is_loses_the_spans(
    install: Install, instruments: Instruments, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_span_collector() as collector:
        collector.answers = [(429, {"retry-after": "3600"})] * SPANS
        with traces_to(monkeypatch, collector.url):
            here = await install(BUSY)
            output, _ = await here.finish(await here.start("busy"))
            assert output.success
            await until_async(lambda: process.dropped_spans() == SPANS, "the loss of all")
            began = time.monotonic()
            await asyncio.to_thread(process.stop)
            assert time.monotonic() - began < STOP_SECONDS + 1
    assert counted(instruments) == SPANS


@pytest.mark.parametrize(
    ("sampler", "ratio", "parent", "is_kept"),
    [
        ("traceidratio", "0", None, False),
        ("traceidratio", "1", None, True),
        ("traceidratio", "0", "01", False),
        ("parentbased_traceidratio", "0", None, False),
        ("parentbased_traceidratio", "0", "00", False),
        ("parentbased_traceidratio", "0", "01", True),
        ("parentbased_always_off", "", None, False),
        ("parentbased_always_off", "", "01", True),
        ("parentbased_always_on", "", "00", False),
        ("always_off", "", "01", False),
    ],
)
async def test_a_trace_is_kept_whole_or_not_at_all(
    install: Install,
    instruments: Instruments,
    monkeypatch: pytest.MonkeyPatch,
    sampler: str,
    ratio: str,
    parent: str | None,
    is_kept: bool,
) -> None:
    variables = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": ratio}
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-{parent}"} if parent else {}
    with run_span_collector() as collector:
        with traces_to(monkeypatch, collector.url, **variables):
            here = await install(BUSY)
            with request("POST", "/x", "http", headers):
                workflow_id = await here.start("busy")
            output, record = await here.finish(workflow_id)
        assert output.success
        # A trace that is not kept has an id all the same.
        assert record.trace_id
        assert len(collector.names) == (SPANS + 1 if is_kept else 0)
    assert counted(instruments) == 0
