"""A model's HTTP endpoint that answers what a script says."""
