"""The supply of SUI, which no transaction changes."""

from dataclasses import dataclass


@dataclass
class Supply:
    """Where every Mist is. ``minted`` is fixed at genesis."""

    minted: int
    in_coins: int
    in_objects: int
    gas_collected: int

    @property
    def is_conserved(self) -> bool:
        """Whether no Mist was lost or created."""
        return self.minted == self.in_coins + self.in_objects + self.gas_collected
