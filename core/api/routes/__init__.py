"""The routes, one module a tag of the OpenAPI document."""
