"""Sui over gRPC. ``values/pysui_parts.py`` alone imports pysui."""
