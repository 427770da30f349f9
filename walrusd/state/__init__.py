"""The daemon's one SQLite file."""
