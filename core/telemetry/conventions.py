"""The names of spans, of their attributes and events, and of metrics, with their version.

Names beginning with ``gen_ai.`` are those of OpenTelemetry's conventions for generative AI, which
are in development: of the repository ``open-telemetry/semantic-conventions-genai``, version
:data:`GEN_AI_VERSION`. Names beginning with ``http.`` and ``url.``, and ``error.type``, are those
of the stable conventions. The others are Perdure's own, those of its spans begin with ``perdure.``.
"""

from typing import Final

from perdure.telemetry.metric import Metric

GEN_AI_VERSION: Final = "0.1.0"

OPERATION: Final = "gen_ai.operation.name"
AGENT_NAME: Final = "gen_ai.agent.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
CONVERSATION: Final = "gen_ai.conversation.id"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
RESPONSE_MODEL: Final = "gen_ai.response.model"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"

EVALUATION_RESULT: Final = "gen_ai.evaluation.result"
"""The event of a score that was put on a goal."""

EVALUATION_NAME: Final = "gen_ai.evaluation.name"
EVALUATION_VALUE: Final = "gen_ai.evaluation.score.value"
EVALUATION_LABEL: Final = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"

INVOKE_WORKFLOW: Final = "invoke_workflow"
INVOKE_AGENT: Final = "invoke_agent"
CHAT: Final = "chat"
EXECUTE_TOOL: Final = "execute_tool"

ERROR_TYPE: Final = "error.type"
HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
URL_PATH: Final = "url.path"
URL_SCHEME: Final = "url.scheme"

GOAL_ID: Final = "perdure.goal.id"
WORKFLOW_ID: Final = "perdure.workflow.id"
TENANT: Final = "perdure.tenant"
STATUS: Final = "perdure.status"
ATTEMPT: Final = "perdure.attempt"
EXECUTION: Final = "perdure.execution"
END: Final = "perdure.execution.end"
STEP: Final = "perdure.step"
STEP_NUMBER: Final = "perdure.step.number"
WAIT: Final = "perdure.wait"
TRIES: Final = "perdure.tries"
COST: Final = "perdure.cost"
SCORED_BY: Final = "perdure.score.by"
CACHED: Final = "perdure.cached"

ANSWERED_FROM_JOURNAL: Final = "perdure.step.answered_from_journal"
"""The event of a step, or a wait, that was not executed because its outcome is on record."""

CAPTURE_CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The environment variable that asks for the content of prompts and answers."""

AGENT_LABEL: Final = "agent"
TENANT_LABEL: Final = "tenant"

GOALS_ENDED: Final = Metric(
    "perdure.goals.ended",
    "counter",
    "{goal}",
    "Goals that have ended, by how they did.",
    ("status", AGENT_LABEL, TENANT_LABEL),
)
GOAL_DURATION: Final = Metric(
    "perdure.goal.duration",
    "histogram",
    "s",
    "How long goals took from start to end, waits included.",
    (AGENT_LABEL,),
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
    # The alerts' limits are bounds: between two, a quantile is a guess.
    buckets=(0.25, 1, 5, 20, 60),
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
    ("outcome", AGENT_LABEL),
)
STEP_RETRIES: Final = Metric(
    "perdure.step.retries", "counter", "{try}", "Tries at steps and model requests after the first."
)
REDIS_FALLBACKS: Final = Metric(
    "perdure.redis.fallbacks",
    "counter",
    "{request}",
    "What was done without Redis, because it did not answer or refused.",
    ("use",),
)
SPEND: Final = Metric(
    "perdure.spend",
    "counter",
    "USD",
    "Dollars that requests of models cost: kept, thrown away, or saved by what was on record.",
    ("outcome", TENANT_LABEL),
)
AGENT_SPEND: Final = Metric(
    "perdure.agent.spend", "counter", "USD", "The same dollars by agent.", ("outcome", AGENT_LABEL)
)
TOKENS_SENT: Final = Metric(
    "gen_ai.client.inference.usage.input_tokens",
    "counter",
    "{token}",
    "Tokens sent to models.",
    (OPERATION, PROVIDER, REQUEST_MODEL),
)
TOKENS_RECEIVED: Final = Metric(
    "gen_ai.client.inference.usage.output_tokens",
    "counter",
    "{token}",
    "Tokens received from models.",
    (OPERATION, PROVIDER, REQUEST_MODEL),
)
INFERENCE_TIME: Final = Metric(
    "gen_ai.client.inference.duration",
    "histogram",
    "s",
    "How long requests of models took.",
    (OPERATION, PROVIDER, REQUEST_MODEL),
    (1, 5, 30, 120),
)
FIRST_CHUNK_TIME: Final = Metric(
    "gen_ai.client.inference.time_to_first_chunk",
    "histogram",
    "s",
    "How long models that stream took to the first piece of their answer.",
    (OPERATION, PROVIDER, REQUEST_MODEL),
    (0.5, 2, 10),
)
SCORES: Final = Metric(
    "perdure.scores", "counter", "{score}", "Scores that were put on goals.", (TENANT_LABEL,)
)
SCORE: Final = Metric(
    "perdure.score",
    "histogram",
    "1",
    "The scores of goals that are numbers, true as 1 and false as 0, by name.",
    (EVALUATION_NAME,),
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
    buckets=(0.1, 1, 5, 30),
)
GOALS: Final = Metric(
    "perdure.goals",
    "gauge",
    "{goal}",
    "Goals that have not ended, by what they do.",
    ("status", AGENT_LABEL),
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
POLICY_REFUSED: Final = Metric(
    "perdure.policy.refused",
    "gauge",
    "{process}",
    "Processes that keep older rules, since the file of the policy is not valid any more.",
)
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
    STEP_RETRIES, SPEND, AGENT_SPEND, TOKENS_SENT, TOKENS_RECEIVED, INFERENCE_TIME,
    FIRST_CHUNK_TIME, SCORES, SCORE, SLOTS, SLOTS_USED, STORE_TIME, EVENT_LAG, GOALS, DEAD_LETTERS,
    WAITS, WORKERS, STORES_UP, TEMPORAL_UP, HOME_SIZE, HOME_FREE, EXPORT_FAILURES,
    DROPPED_SPANS, REDIS_FALLBACKS, POLICY_REFUSED,
)  # fmt: skip
