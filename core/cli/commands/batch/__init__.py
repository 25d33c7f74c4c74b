"""The group ``perdure batch``: many goals of one agent, and their outcome as a table."""
