"""A scripted model endpoint: an HTTP server that speaks OpenAI's protocol."""
