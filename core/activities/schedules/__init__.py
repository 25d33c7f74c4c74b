"""What is done each time that a schedule starts something."""
