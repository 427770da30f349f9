# The part of jsonrpcserver that walrusd uses. Its own annotations call bytes text, and so on.

from jsonrpcserver.result import Error as Error
from jsonrpcserver.result import Success as Success
