"""Sui over gRPC. The only importer of pysui."""

import logging

# pysui logs at import, and a traceback for every error that we translate ourselves. Silence it
# before its first import.
logging.getLogger("pysui").setLevel(logging.CRITICAL)
