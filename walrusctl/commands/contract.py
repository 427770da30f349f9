"""``walrusctl contract``: run by ``walrusd``, without a daemon."""

from walrusctl.commands.local import offline

contract = offline(
    "contract",
    "`contract publish`, `verify`, `upgrade`, `migrate`, `use` or `chain-id`;"
    " see `contract --help`.",
)
