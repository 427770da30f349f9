"""What makes services run: supervision, wake-ups, the view of the chain, readiness."""
