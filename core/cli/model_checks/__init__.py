"""The requests by which ``perdure doctor --model`` finds out what a model can."""
