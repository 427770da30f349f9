"""Exact arithmetic and the training it carries. The only importer of torch."""
