"""gRPC on trio: unary and server-streaming calls over HTTP/2, client and server.

The client speaks to any Sui node; the server serves the development network. Neither uses asyncio.
Both work over any trio stream, so tests and simulations run in memory on a virtual clock.

Sources: the gRPC over HTTP/2 protocol description (PROTOCOL-HTTP2) and RFC 9113.
"""

from walrusd.chain.grpc.channel import Channel, channel_to, open_channel
from walrusd.chain.grpc.connection import KeepAlive
from walrusd.chain.grpc.endpoint import Connect, NodeUrl
from walrusd.chain.grpc.server import Handler, HangUpError, serve_connection
from walrusd.chain.grpc.status_details import BadRequest, ErrorInfo, FieldViolation
from walrusd.chain.grpc.stream import ClientStream, GrpcMethod
from walrusd.chain.grpc.wire import Cardinality, GRPCError, Status

__all__ = [
    "BadRequest",
    "Cardinality",
    "Channel",
    "ClientStream",
    "Connect",
    "ErrorInfo",
    "FieldViolation",
    "GRPCError",
    "GrpcMethod",
    "Handler",
    "HangUpError",
    "KeepAlive",
    "NodeUrl",
    "Status",
    "channel_to",
    "open_channel",
    "serve_connection",
]
