"""Other people's formats of models and datasets."""
