"""Running a repository's tests by a program of ours: traced, and for each changed source."""
