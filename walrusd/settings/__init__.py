"""Typed, frozen settings."""
