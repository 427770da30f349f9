"""Take a seat, replay, attest."""
