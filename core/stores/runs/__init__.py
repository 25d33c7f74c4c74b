"""Runs of goals: their records, results, executions, idempotency keys and control."""
