"""Disputes: transcripts of a segment's steps, narrowed to one operation and judged.

Shapes are in the letters of ``training.operators``.
"""
