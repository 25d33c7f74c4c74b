"""The metrics by name: what each counts, in what unit, with which labels and bounds.

Names beginning with ``gen_ai.`` are those of OpenTelemetry's conventions for generative AI, which
are in development: of the repository ``open-telemetry/semantic-conventions-genai``, version
:data:`GEN_AI_VERSION`. The others are Perdure's own.
"""

from dataclasses import dataclass
from typing import Final, Literal

GEN_AI_VERSION: Final = "0.1.0"

Kind = Literal["counter", "gauge", "histogram"]

# What a name's last part is in Prometheus, by unit (UCUM).
_SUFFIXES: Final = {"s": "_seconds", "By": "_bytes", "USD": "_dollars"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: Its name, as OpenTelemetry writes it.
        kind: A counter, which only grows; a gauge; or a histogram.
        unit: Its unit (UCUM).
        description: What it says, in a sentence.
        labels: The names of its labels.
        buckets: The upper bounds of a histogram's buckets.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def prometheus_name(self) -> str:
        """Its name in Prometheus; that of a counter's samples ends in ``_total`` too."""
        return self.name.replace(".", "_") + _SUFFIXES.get(self.unit, "")


def prometheus_label(label: str) -> str:
    """Return a label's name in Prometheus."""
    return label.replace(".", "_")


AGENT: Final = "agent"
TENANT: Final = "tenant"
MODEL: Final = "gen_ai.request.model"
PROVIDER: Final = "gen_ai.provider.name"
EVALUATION: Final = "gen_ai.evaluation.name"

GOALS_ENDED: Final = Metric(
    "perdure.goals.ended",
    "counter",
    "{goal}",
    "Goals that have ended, by how they did.",
    ("status", AGENT, TENANT),
)
GOAL_DURATION: Final = Metric(
    "perdure.goal.duration",
    "histogram",
    "s",
    "How long goals took from start to end, waits included.",
    (AGENT,),
    (1, 10, 60, 600),
)
GOAL_RETRIES: Final = Metric(
    "perdure.goal.retries", "counter", "{attempt}", "Attempts that followed one that failed."
)
QUEUE_TIME: Final = Metric(
    "perdure.execution.queue_time",
    "histogram",
    "s",
    "How long executions waited for a worker.",
    buckets=(0.25, 1, 5, 30),
)
EXECUTION_TIME: Final = Metric(
    "perdure.execution.duration",
    "histogram",
    "s",
    "How long executions took: those that ended, and those that were parked or moved.",
    buckets=(1, 10, 60, 600),
)
FAILURES: Final = Metric(
    "perdure.execution.failures", "counter", "{failure}", "Executions that failed.", ("kind",)
)
STEPS: Final = Metric(
    "perdure.steps",
    "counter",
    "{step}",
    "Steps and waits: executed to an outcome, or answered from the journal.",
    ("outcome", AGENT),
)
STEP_RETRIES: Final = Metric(
    "perdure.step.retries", "counter", "{try}", "Tries at steps and model requests after the first."
)
SPEND: Final = Metric(
    "perdure.spend",
    "counter",
    "USD",
    "Dollars that requests of models cost: kept, thrown away, or saved by what was on record.",
    ("outcome", TENANT),
)
AGENT_SPEND: Final = Metric(
    "perdure.agent.spend", "counter", "USD", "The same dollars by agent.", ("outcome", AGENT)
)
INPUT_TOKENS: Final = Metric(
    "gen_ai.client.inference.usage.input_tokens",
    "counter",
    "{token}",
    "Tokens sent to models.",
    (PROVIDER, MODEL),
)
OUTPUT_TOKENS: Final = Metric(
    "gen_ai.client.inference.usage.output_tokens",
    "counter",
    "{token}",
    "Tokens received from models.",
    (PROVIDER, MODEL),
)
INFERENCE_TIME: Final = Metric(
    "gen_ai.client.inference.duration",
    "histogram",
    "s",
    "How long requests of models took.",
    (PROVIDER, MODEL),
    (1, 5, 30, 120),
)
FIRST_CHUNK_TIME: Final = Metric(
    "gen_ai.client.inference.time_to_first_chunk",
    "histogram",
    "s",
    "How long models that stream took to the first piece of their answer.",
    (PROVIDER, MODEL),
    (0.5, 2, 10),
)
SCORES: Final = Metric(
    "perdure.scores", "counter", "{score}", "Scores that were put on goals.", (TENANT,)
)
SCORE: Final = Metric(
    "perdure.score",
    "histogram",
    "1",
    "The scores of goals that are numbers, true as 1 and false as 0, by name.",
    (EVALUATION,),
    (0.5,),
)
SLOTS: Final = Metric(
    "perdure.worker.slots", "gauge", "{slot}", "Executions that this worker may run at once."
)
SLOTS_USED: Final = Metric(
    "perdure.worker.slots_used", "gauge", "{slot}", "Executions that this worker runs."
)
STORE_TIME: Final = Metric(
    "perdure.store.duration",
    "histogram",
    "s",
    "How long reads and writes of the stores took, queues included.",
    ("operation",),
    (0.005, 0.05, 0.5, 5),
)
EVENT_LAG: Final = Metric(
    "perdure.event.lag",
    "histogram",
    "s",
    "How long after an event whoever follows its run got it.",
    buckets=(0.1, 1, 10),
)
GOALS: Final = Metric(
    "perdure.goals",
    "gauge",
    "{goal}",
    "Goals that have not ended, by what they do.",
    ("status", AGENT),
)
DEAD_LETTERS: Final = Metric(
    "perdure.dead_letters", "gauge", "{goal}", "Goals that have failed for good."
)
WAITS: Final = Metric(
    "perdure.waits", "gauge", "{wait}", "What goals wait for, by kind.", ("kind",)
)
WORKERS: Final = Metric("perdure.workers", "gauge", "{process}", "Worker processes that are there.")
STORES_UP: Final = Metric("perdure.stores.up", "gauge", "1", "Whether the stores answer.")
TEMPORAL_UP: Final = Metric("perdure.temporal.up", "gauge", "1", "Whether Temporal answers.")
HOME_SIZE: Final = Metric("perdure.home.size", "gauge", "By", "Size of the disk of the home.")
HOME_FREE: Final = Metric("perdure.home.free", "gauge", "By", "Free space on the disk of the home.")
EXPORT_FAILURES: Final = Metric(
    "perdure.metrics.export_failures",
    "counter",
    "{export}",
    "Exports of metrics that the collector did not take.",
)
DROPPED_SPANS: Final = Metric(
    "perdure.traces.dropped_spans",
    "counter",
    "{span}",
    "Spans that no collector took, or that found the queue full.",
)

METRICS: Final = (
    GOALS_ENDED, GOAL_DURATION, GOAL_RETRIES, QUEUE_TIME, EXECUTION_TIME, FAILURES, STEPS,
    STEP_RETRIES, SPEND, AGENT_SPEND, INPUT_TOKENS, OUTPUT_TOKENS, INFERENCE_TIME,
    FIRST_CHUNK_TIME, SCORES, SCORE, SLOTS, SLOTS_USED, STORE_TIME, EVENT_LAG, GOALS, DEAD_LETTERS,
    WAITS, WORKERS, STORES_UP, TEMPORAL_UP, HOME_SIZE, HOME_FREE, EXPORT_FAILURES,
    DROPPED_SPANS,
)  # fmt: skip
