"""A Perdure agent that profiles tables and delivers a report with pictures."""
