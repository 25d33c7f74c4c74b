"""Where a repository comes from: a folder, an archive that was handed in, a git repository."""
