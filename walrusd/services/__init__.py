"""Supervised services: each one asks the core, acts through an adapter, journals."""
