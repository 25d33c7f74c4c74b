"""A repository's syntax by tree-sitter: what it defines, imports and exports, in six languages."""
