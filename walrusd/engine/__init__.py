"""The machinery that runs services: supervision, wake-ups, the view of the chain, readiness."""
