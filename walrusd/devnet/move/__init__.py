"""Move: packages, types, values, programmable transactions."""
