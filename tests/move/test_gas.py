"""The table of docs/gas.md is what its own arithmetic gives."""

from walrusd.devnet.contract import FUNCTIONS

from . import gas


def test_the_document_holds_the_computed_table():
    table = gas.DOCUMENT.read_text().partition(gas.BEGIN)[2].partition(gas.END)[0]
    assert table == gas.write_table(gas.estimate_all()), "run: python -m tests.move.gas"


def test_every_entry_point_has_an_estimate():
    estimated = {e.target for e in gas.estimate_all()}
    callable_ = {f"{f.module}::{f.name}" for f in FUNCTIONS}
    # Pure arithmetic, used inside the arguments of others.
    assert callable_ - estimated == {"terms::new_terms", "terms::required_funds"}


def test_instructions_get_dearer():
    assert gas.compute_instruction_cost(0) == 0
    assert gas.compute_instruction_cost(20_000) == 20_000
    assert gas.compute_instruction_cost(50_001) == 20_000 + 60_000 + 10
    assert gas.compute_instruction_cost(300_000) == 20_000 + 60_000 + 500_000 + 5_000_000 + 10**7
