"""How values go through Temporal."""
