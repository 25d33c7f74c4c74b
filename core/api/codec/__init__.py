"""The codec's endpoint, through which Temporal's UI shows what is sealed."""
