"""What the OpenAPI document says beyond what the routes' types say."""
