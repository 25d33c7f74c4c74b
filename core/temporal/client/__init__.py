"""The client of Temporal: the connection, goals, decisions, control, reconciliation."""
