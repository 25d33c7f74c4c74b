"""What Word and PowerPoint files have in common: parts, charts, diagrams, equations."""
