"""What is set aside, until when, and which objects nothing else may use meanwhile."""

import pytest

from walrusd.chain.send.delivery import Parked
from walrusd.chain.send.parked import ParkedTransactions
from walrusd.chain.send.ptb import Ptb
from walrusd.errors import TransactionUncertain

from .parts import ref, sign


@pytest.fixture
def parked():
    return ParkedTransactions()


def until(epoch):
    return Parked("locked", until_epoch=epoch)


def test_nothing_is_parked_at_first(parked):
    assert not parked
    assert parked.reserved(0) == set()
    assert parked.due_epoch("d") == 0
    parked.discard("d")
    parked.check_key("k")


def test_a_locked_coin_is_free_in_the_epoch_that_is_named(parked):
    parked.lock("0x1", 7)
    parked.lock("0x2", 9)
    assert parked
    assert parked.reserved(6) == {"0x1", "0x2"}
    assert parked.reserved(7) == {"0x2"}
    assert parked.reserved(8) == {"0x2"}
    assert parked.reserved(9) == set()


def test_a_lock_that_is_renewed_lasts_until_its_new_end(parked):
    parked.lock("0x1", 7)
    parked.lock("0x1", 8)
    assert parked.reserved(7) == {"0x1"}


def test_an_entry_waits_for_its_epoch_and_says_so(parked):
    entry = sign(ref(1), label="join")
    error = parked.add(entry, until(8))
    assert isinstance(error, TransactionUncertain)
    assert error.fields["digest"] == entry.digest
    assert "epoch 8" in error.hint
    assert parked.due_epoch(entry.digest) == 8
    assert parked


def test_an_entry_that_only_an_archive_can_settle_is_not_retried(parked):
    entry = sign(ref(1))
    error = parked.add(entry, until(None))
    assert "sui.archive_urls" in error.hint
    assert parked.due_epoch(entry.digest) is None


def test_a_settled_entry_claims_nothing(parked):
    entry = sign(ref(1), key="k")
    parked.add(entry, until(8))
    parked.discard(entry.digest)
    assert not parked
    assert parked.due_epoch(entry.digest) == 0
    assert parked.reserved(1) == set()
    parked.check_key("k")


def test_an_entry_keeps_its_gas_and_its_inputs(parked):
    """Whatever the epoch: only when its fate is known are they free."""
    parked.add(sign(ref(1), ref(2), inputs=(ref(3),)), until(8))
    assert parked.reserved(0) == {ref(number).id for number in (1, 2, 3)}
    assert parked.reserved(99) == parked.reserved(0)


def test_an_entry_whose_coin_was_used_by_another_keeps_nothing(parked):
    """Without an epoch to wait for, its gas coin has moved on: others may use that."""
    entry = sign(ref(1), inputs=(ref(3),))
    parked.add(entry, until(None))
    assert parked.reserved(0) == set()
    ptb = Ptb()
    ptb.owned(ref(3))
    parked.check_inputs(ptb)


def test_only_the_action_that_is_parked_itself_waits(parked):
    entry = sign(ref(1), key="join:1")
    parked.add(entry, until(8))
    parked.add(sign(ref(2), key=None), until(8))
    with pytest.raises(TransactionUncertain) as caught:
        parked.check_key("join:1")
    assert caught.value.fields["digest"] == entry.digest
    parked.check_key("join:2")
    parked.check_key(None)


@pytest.mark.parametrize("version", [1, 2])
def test_another_transaction_may_not_take_a_claimed_version(parked, version):
    entry = sign(ref(1), inputs=(ref(3),))
    parked.add(entry, until(8))
    ptb = Ptb()
    ptb.owned(ref(3, version))
    ptb.owned(ref(4))
    if version == 2:
        parked.check_inputs(ptb)  # a newer one is not what the entry claims
        return
    with pytest.raises(TransactionUncertain) as caught:
        parked.check_inputs(ptb)
    assert caught.value.fields["digest"] == entry.digest


def test_a_claimed_gas_coin_may_be_an_input_of_the_caller(parked):
    """That is the caller's word; only owned inputs of the parked one are refused here."""
    parked.add(sign(ref(1)), until(8))
    ptb = Ptb()
    ptb.owned(ref(1))
    parked.check_inputs(ptb)
