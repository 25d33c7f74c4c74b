"""What is known of installed plugins before any is imported."""
