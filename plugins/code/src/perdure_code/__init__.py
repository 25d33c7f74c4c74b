"""A Perdure agent that reviews a Python repository and delivers a patch of safe fixes."""
