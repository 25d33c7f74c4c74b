"""What the HTTP API takes and returns, as Pydantic models: the API and its client share them."""
