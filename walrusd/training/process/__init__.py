"""The training process: it reads a job, writes lines of JSON, and keeps files between."""
