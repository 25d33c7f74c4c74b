"""The run that an agent is handed: its steps, waits, models, progress and artifacts."""
