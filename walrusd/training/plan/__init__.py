"""The training plan: parsed strictly, nothing left to a default of a library."""
