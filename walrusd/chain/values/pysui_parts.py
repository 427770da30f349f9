"""What is used of pysui: the messages of Sui's gRPC interface, its BCS, and its keys.

pysui's ``__init__`` imports a GraphQL client, command executors and 280 modules of theirs, 13 MB
and a third of a second, of which these parts need nothing: it waits for somebody who does.
"""

import logging

from walrusd.runtime.postponed import postpone_init

# pysui talks at import and logs a traceback for every error that we translate ourselves.
logging.getLogger("pysui").setLevel(logging.CRITICAL)
postpone_init("pysui")

import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb  # noqa: E402  # after the line above
from pysui.abstracts.client_keypair import SignatureScheme  # noqa: E402  # likewise
from pysui.sui.sui_bcs import bcs  # noqa: E402  # likewise
from pysui.sui.sui_crypto import SuiKeyPair, keypair_from_keystring  # noqa: E402  # likewise
from pysui.sui.sui_grpc.suimsgs.google import protobuf, rpc  # noqa: E402  # likewise

__all__ = [
    "SignatureScheme",
    "SuiKeyPair",
    "bcs",
    "keypair_from_keystring",
    "pb",
    "protobuf",
    "rpc",
]
