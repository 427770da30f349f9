"""The training process: jobs in, lines out, files between."""
