"""The hooks of a plugin: how they are written, called, and what they may return."""
