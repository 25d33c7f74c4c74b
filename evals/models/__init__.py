"""The agents with a model: experts, liars, and a weak one that is real."""
