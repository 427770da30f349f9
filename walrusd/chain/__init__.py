"""Sui over gRPC. The only importer of pysui."""
