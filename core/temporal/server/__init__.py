"""Getting, building and running a development server of Temporal."""
