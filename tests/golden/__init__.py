"""One small training run for each kind of model, and the hashes that every machine must give."""
