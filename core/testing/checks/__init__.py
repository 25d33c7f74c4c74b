"""What ``holdfast plugins check`` looks at."""
