"""The demonstration: a whole market on one machine."""
