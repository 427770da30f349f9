"""What makes services run: supervision, jobs, the view of the chain, readiness."""
