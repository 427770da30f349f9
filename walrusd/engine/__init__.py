"""The machinery that runs services: supervision, jobs, the view of the chain, readiness."""
