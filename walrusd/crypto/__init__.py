"""Cryptography on the bytes and file objects that it is given: no I/O of its own.

``H(TAG ‖ …)`` in docstrings is ``tags.hash_tagged``; all roots are those of RFC 6962 (``merkle``).
"""
