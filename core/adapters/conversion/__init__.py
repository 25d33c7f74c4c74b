"""Goals, results and model requests converted from and to those of other libraries."""
