"""Write the tables of ``docs/gas.md``."""

from .envelopes import write_envelopes
from .estimates import DOCUMENT, MeteredBazaar, estimate_all, replace_table, write_table
from .limits import write_limits


def main() -> None:
    """Measure every call, and replace the tables."""
    text = DOCUMENT.read_text()
    world = MeteredBazaar()
    text = replace_table(text, "table", write_table(estimate_all(world)))
    text = replace_table(text, "limits", write_limits(world.pool))
    text = replace_table(text, "envelopes", write_envelopes())
    DOCUMENT.write_text(text)


main()
