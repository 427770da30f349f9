"""What the owner may ask of a running daemon, and what it answers."""
