"""Reading e-mail: who wrote to whom, what, and which files came with it."""
