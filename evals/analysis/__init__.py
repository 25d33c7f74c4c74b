"""Whether the analysis agent's figures and answers are right."""
