"""What of a fact stands in the trail as it is, and what as a digest: words of people never do."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from perdure.audit.canonical import canonical, exact, salted
from perdure.stores.audit.recording import person_digest
from perdure.stores.database.engine import Transaction

# Names that code gives, numbers, and ids. Whatever else there is becomes a digest.
_SHOWN: Final = frozenset(
    {
        *("step", "number", "seconds", "execution_time", "execution", "tool", "tool_call_id"),
        *("approval_id", "approved", "expired", "needed", "decided_at", "expires_at", "at"),
        *("workflow_id", "workflow_ids", "parent", "was", "agent_type", "agent_version", "perdure"),
        *("model", "provider", "input_tokens", "output_tokens", "cost", "kept", "lost"),
        *("media_type", "size", "success", "done", "status", "kind", "type", "retriable", "goals"),
        *("rule", "rules", "decision", "effect", "action", "agent", "taken_over", "from_step"),
        *("outcome", "expires_seconds"),
        # Which rules they were, and how many items there are of a batch.
        *("policy_digest", "items", "budget_cost", "start_at", "end_at"),
        *("scopes", "key_id", "request_id", "seal", "facts", "settings"),
    }
)
_PEOPLE: Final = frozenset({"by", "who", "of"})


class Words:
    """Digests the words of one fact.

    Args:
        transaction: The transaction in which the fact is stored.
        tenant: Whose it is.
        salt: What its words are digested with.
        shown: Further details that code has named, and people have not.
    """

    def __init__(
        self,
        transaction: Transaction,
        tenant: str,
        salt: str,
        shown: frozenset[str] = frozenset(),
    ) -> None:
        self._transaction = transaction
        self._tenant = tenant
        self._salt = salt
        self._shown = _SHOWN | shown

    def digested(self, data: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return the details of a fact, with digests in place of words and people."""
        return {name: self._field(name, value) for name, value in data.items()}

    def _field(self, name: str, value: JsonValue) -> JsonValue:
        if value is None or isinstance(value, bool):
            return value
        if name in _PEOPLE:
            return self._people(value)
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            # Votes: who, how, why.
            return [self.digested(each) for each in value if isinstance(each, dict)]
        if name in self._shown and not isinstance(value, dict):
            return value
        return salted(self._salt, value if isinstance(value, str) else _text(value))

    def _people(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return person_digest(self._transaction, self._tenant, value)
        if isinstance(value, list):
            return [self._people(each) for each in value]
        return salted(self._salt, _text(value))


def _text(value: JsonValue) -> str:
    """Return the canonical JSON of a value, as a digest is taken of it."""
    return canonical({"": exact(value)})[4:-1].decode()


def words_of_goal(row: Mapping[str, object]) -> Mapping[str, str]:
    """Return what the audit trail keeps digests of at a run's start, of its record's columns."""
    return {name: str(row[name]) for name in ("description", "parameters")}
