"""What is found out about a repository without running it, and its report."""
