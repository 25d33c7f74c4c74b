"""The files of runs as pages show them: what an agent made is data, and may be hostile."""
