"""Running a repository's own tests, and what came of them."""
