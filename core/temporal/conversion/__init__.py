"""How values become what Temporal stores, and back."""
