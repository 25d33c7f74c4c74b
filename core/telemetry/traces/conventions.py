"""The names of spans, their attributes and their events.

Names beginning with ``gen_ai.`` are those of OpenTelemetry's conventions for generative AI, which
are in development: of the repository ``open-telemetry/semantic-conventions-genai``, version
:data:`GEN_AI_VERSION`. Names beginning with ``http.`` and ``url.``, and ``error.type``, are those
of the stable conventions. Names beginning with ``perdure.`` are Perdure's own.
"""

from typing import Final

GEN_AI_VERSION: Final = "0.1.0"

OPERATION: Final = "gen_ai.operation.name"
AGENT_NAME: Final = "gen_ai.agent.name"
AGENT_VERSION: Final = "gen_ai.agent.version"
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
