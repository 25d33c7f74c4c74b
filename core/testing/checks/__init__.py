"""What ``perdure plugins check`` looks at."""
