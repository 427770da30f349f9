"""Sui over gRPC. The only importer of pysui."""

import logging

# pysui talks at import and logs a traceback for every error that we translate ourselves. This
# must happen before the first import of pysui.
logging.getLogger("pysui").setLevel(logging.CRITICAL)
