"""How well what a source states answers a question."""
