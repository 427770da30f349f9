"""Masks what looks like a secret, by name or by form, before it is written anywhere."""

import re
from typing import Any

MASK = "[redacted]"

_SECRET_NAME = re.compile(
    r"(^|_)(secret|password|passphrase|passwd|private|privkey|mnemonic|kek|dek|token|credential"
    r"|seed|blinding|opening_key|data_key|authorization|api_key|keypair)s?($|_)",
    re.IGNORECASE,
)
_SECRET_SHAPE = re.compile(r"suiprivkey1[0-9a-z]+|(?<=[Bb]earer )[\w.~+/=-]+")


def redact(value: Any) -> Any:
    """Return a copy of a JSON-like value without secrets.

    Fields with secret-looking names are masked whole; bech32 private keys and bearer tokens are
    masked anywhere in text. Of raw bytes only the length is shown.
    """
    if isinstance(value, dict):
        return {
            key: MASK if isinstance(key, str) and _SECRET_NAME.search(key) else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if isinstance(value, str):
        return _SECRET_SHAPE.sub(MASK, value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    return value
