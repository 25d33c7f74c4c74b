"""The action that fills the fields of a schema, by rules and with a model."""
