"""Walrus over HTTP. The only importer of httpx and pysui_fastcrypto."""
