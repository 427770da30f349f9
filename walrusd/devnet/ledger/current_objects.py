"""The newest version of every object, by id and by owner."""

from collections.abc import Iterable

from walrusd.devnet.move.objects import LedgerObject, Owner


class CurrentObjects:
    """The objects that exist now."""

    def __init__(self, objects: Iterable[LedgerObject] = ()) -> None:
        self._by_id: dict[str, LedgerObject] = {}
        self._by_owner: dict[Owner, dict[str, LedgerObject]] = {}
        for obj in objects:
            self.put(obj)

    def put(self, obj: LedgerObject) -> None:
        """Add an object, or replace its earlier version."""
        self.drop(obj.id)
        self._by_id[obj.id] = obj
        if obj.owner.address:
            self._by_owner.setdefault(obj.owner, {})[obj.id] = obj

    def drop(self, oid: str) -> None:
        """Remove an object, if it exists."""
        old = self._by_id.pop(oid, None)
        if old is not None and old.owner.address:
            del self._by_owner[old.owner][oid]

    def get(self, oid: str) -> LedgerObject | None:
        """Return an object by its canonical id, or None."""
        return self._by_id.get(oid)

    def held_by(self, owner: Owner, move_type: str | None = None) -> list[LedgerObject]:
        """Return what an address or an object owns, by id.

        ``move_type`` may leave type arguments out; None takes every type.
        """
        return sorted(
            (obj for obj in self._by_owner.get(owner, {}).values() if obj.has_type(move_type)),
            key=lambda obj: obj.id,
        )

    def list_all(self) -> Iterable[LedgerObject]:
        """Return every object."""
        return self._by_id.values()
