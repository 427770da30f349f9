"""``walrusctl contract``: everything that needs no daemon, done by ``walrusd``."""

from walrusctl.commands.local import offline

contract = offline(
    "contract",
    "`contract publish`, `verify`, `upgrade`, `migrate`, `use` or `chain-id`;"
    " see `contract --help`.",
)
