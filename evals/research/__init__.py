"""Whether the research agent's answers are right, and its citations true."""
