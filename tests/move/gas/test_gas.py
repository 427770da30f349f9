"""The tables of docs/gas.md are what their own arithmetic gives."""

import hashlib

import pytest

from tests.move.recorder import Argument, Step
from walrusd.chain.packages.bytecode import load_bytecode
from walrusd.devnet.contract import FUNCTIONS
from walrusd.devnet.move.signatures import Mode

from . import envelopes, estimates, limits, prices

DOCUMENT = estimates.DOCUMENT.read_text()


@pytest.fixture(scope="module")
def world() -> estimates.MeteredBazaar:
    world = estimates.MeteredBazaar()
    estimates.estimate_all(world)
    return world


def test_the_document_holds_the_computed_tables(world):
    hint = "run: python -m tests.move.gas"
    table = estimates.write_table(sorted(world.estimates.values()))
    assert estimates.read_table(DOCUMENT, "table") == table, hint
    assert estimates.read_table(DOCUMENT, "limits") == limits.write_limits(world.pool), hint
    assert estimates.read_table(DOCUMENT, "envelopes") == envelopes.write_envelopes(), hint


def test_a_check_of_an_envelope_calls_what_its_equations_need():
    found = envelopes.count_natives("verify_envelope")
    assert (found["pairing"], found["gt_add"], found["g1_mul"], found["g1_sub"]) == (2, 1, 2, 1)
    assert set().union(*map(envelopes.count_natives, envelopes.CHECKS)) <= prices.NATIVES.keys()
    assert envelopes.count_natives("open_label")["pairing"] == 1


def test_the_text_says_how_much_of_a_call_is_reading_the_code():
    size = estimates.measure_package()
    assert size > sum(map(len, load_bytecode().modules))
    units = size * prices.READ_PER_BYTE // prices.INTERNAL_PER_UNIT
    assert f"{size:,} bytes are read in each call and cost {units:,} units" in DOCUMENT


def test_a_gas_coin_has_the_deposit_that_networks_show():
    assert estimates.GAS_COIN * prices.STORAGE_MIST_PER_BYTE == 988_000
    assert estimates.measure_object(estimates.COIN, bytes(40)) == estimates.GAS_COIN
    assert "9,880 Mist of the gas coin's" in DOCUMENT


def test_every_entry_point_has_an_estimate(world):
    callable_ = {f"{f.module}::{f.name}" for f in FUNCTIONS}
    # Pure arithmetic, used inside the arguments of others.
    assert callable_ - set(world.estimates) == {"terms::new_terms", "terms::required_funds"}


def make_step(*given: Argument) -> Step:
    return Step(1, "0x1", 0, "node::withdraw_seat", inputs=list(given))


def make_argument(mode: Mode, before: int, after: int, kind: str = "walrusd::node::Cap"):
    return Argument("0x5", kind, "0x1", mode, bytes(before), bytes(after))


def test_what_is_consumed_is_paid_back_but_for_one_percent():
    size = estimates.measure_object("walrusd::node::Cap", bytes(72))
    idle = estimates.estimate(make_step(), 0, 0, 0)
    found = estimates.estimate(make_step(make_argument(Mode.VALUE, 72, 0)), 0, 0, 0)
    assert (idle.deposit, idle.fee) == (0, 9_880)
    assert found.deposit == -7_600 * size
    assert found.fee == 76 * size + 9_880


def test_a_coin_that_is_paid_in_had_no_deposit():
    paid = estimates.estimate(make_step(make_argument(Mode.VALUE, 40, 0, estimates.COIN)), 0, 0, 0)
    assert paid == estimates.estimate(make_step(), 0, 0, 0)


def test_what_grows_is_paid_for_and_what_is_only_read_is_not():
    size = estimates.measure_object("walrusd::node::Cap", bytes(500))
    grown = estimates.estimate(make_step(make_argument(Mode.MUT, 500, 530)), 0, 0, 0)
    assert (grown.deposit, grown.fee) == (7_600 * 30, 76 * size + 9_880)
    # However much the code itself takes, so many bytes more are a thousand units more.
    few, many = 1_000, 1_000 + 1_000 * prices.INTERNAL_PER_UNIT // prices.READ_PER_BYTE
    less, more = (
        estimates.estimate(make_step(make_argument(Mode.REF, size, size)), 0, 0, 0)
        for size in (few, many)
    )
    assert more.units == less.units + 1_000
    assert (more.deposit, more.fee) == (less.deposit, less.fee) == (0, 9_880)


def test_units_are_charged_in_whole_thousands():
    internal = (0, 999_999, 1_000_999, 1_001_000, 2_000_000)
    assert [*map(prices.round_up_units, internal)] == [1_000, 1_000, 1_000, 2_000, 2_000]


def test_hashes_are_counted_however_their_bytes_are_given():
    counts = [0, 0]
    with prices.counting_hashes(counts):
        assert hashlib.sha256(b"abc").hexdigest().startswith("ba7816bf")
        state = hashlib.sha256()
        state.update(b"ab")
        state.update(b"c")
        assert state.digest()[:4].hex() == "ba7816bf"
    assert counts == [2, 6]
    hashlib.sha256(b"not counted")
    assert counts == [2, 6]


def test_instructions_get_more_expensive():
    assert prices.compute_instruction_cost(0) == 0
    assert prices.compute_instruction_cost(20_000) == 20_000
    assert prices.compute_instruction_cost(50_001) == 20_000 + 60_000 + 10
    tiers = 20_000 + 60_000 + 500_000 + 5_000_000 + 10**7
    assert prices.compute_instruction_cost(300_000) == tiers
