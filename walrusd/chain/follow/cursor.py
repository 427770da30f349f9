"""How far the ledger has been read; stored together with the effects of what was read."""

import base64
import json
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Cursor:
    """How far the ledger has been read."""

    token: bytes | None = None
    """A node's opaque resume token; a node that does not know it is asked by checkpoint."""
    checkpoint: int = -1
    """Every event up to and including this checkpoint has been handled."""
    position: tuple[int, int, int] = (-1, -1, -1)
    """``(checkpoint, transaction, event)`` of the last event handled."""

    @classmethod
    def at(cls, checkpoint: int) -> Self:
        """Return the cursor that starts at ``checkpoint``."""
        return cls(checkpoint=checkpoint - 1)

    def without_token(self) -> "Cursor":
        """Return the cursor for a node that does not know the token."""
        return Cursor(None, self.checkpoint, self.position)

    def to_json(self) -> dict[str, Any]:
        """Return the cursor as JSON values."""
        token = None if self.token is None else base64.b64encode(self.token).decode()
        return {"token": token, "checkpoint": self.checkpoint, "position": list(self.position)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return the cursor that ``to_json`` wrote."""
        token = None if value["token"] is None else base64.b64decode(value["token"])
        checkpoint, transaction, event = value["position"]
        return cls(token, value["checkpoint"], (checkpoint, transaction, event))

    def to_bytes(self) -> bytes:
        """Return the cursor as bytes."""
        return json.dumps(self.to_json(), separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Return the cursor that ``to_bytes`` wrote."""
        return cls.from_json(json.loads(raw))
