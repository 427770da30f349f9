"""Sui over gRPC. The only importer of pysui."""

import logging

from walrusd.runtime.postponed import postpone_init

# pysui talks at import and logs a traceback for every error that we translate ourselves. This
# must happen before the first import of pysui.
logging.getLogger("pysui").setLevel(logging.CRITICAL)

# Its ``__init__`` imports a GraphQL client, command executors and 280 modules of theirs: 13 MB and
# a third of a second. Of pysui we use the messages, BCS and the decoding of exported keys.
postpone_init("pysui")
