"""Execution, ownership, gas, and the rules that refuse a transaction."""

import pytest
from pysui.sui.sui_bcs import bcs_txne

from walrusd.devnet.ledger.genesis import compute_package_id
from walrusd.devnet.move import ptb
from walrusd.devnet.move.aborts import ContractDefectError
from walrusd.devnet.move.failures import TransactionRejectedError
from walrusd.units import MIST_PER_SUI

from .demo_package import DEPENDENCIES, MODULES, Box, Key
from .tools import (
    BUDGET,
    GAS,
    START_MS,
    Tx,
    Wall,
    accounts,
    balance_of,
    coins_of,
    find,
    nested,
    open_ledger,
    ref_of,
)

ALICE, BOB, CAROL = accounts()


@pytest.fixture
def ledger():
    return open_ledger()


def first_box(ledger):
    (box,) = (b for b in find(ledger, "Box") if Box.from_bcs(b.contents).note == b"first")
    return box


def read_box(ledger, oid):
    return Box.from_bcs(ledger.get_object(oid).contents)


def succeed(executed):
    assert executed.effects.status.success, executed.effects.status.error
    return executed


def deposit(ledger, account, amount):
    tx = Tx(ledger)
    coin = tx.split(GAS, amount)
    tx.call("deposit", tx.obj(first_box(ledger).id), coin, tx.clock)
    return tx.send(account)


class TestMoney:
    def test_genesis_funds_every_account_in_several_coins(self, ledger):
        for account in accounts():
            coins = coins_of(ledger, account.address)
            assert len(coins) == 4
            assert sum(c.sui_balance for c in coins) == 1_000 * MIST_PER_SUI
        assert ledger.count_supply().is_conserved

    def test_a_transfer_moves_exactly_the_amount_and_charges_gas(self, ledger):
        before = balance_of(ledger, ALICE.address)
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.split(GAS, 12_345))
        executed = succeed(tx.send(ALICE))
        gas = executed.effects.gas_used
        net = gas.computation_cost + gas.storage_cost - gas.storage_rebate
        assert balance_of(ledger, BOB.address) == 1_000 * MIST_PER_SUI + 12_345
        assert balance_of(ledger, ALICE.address) == before - 12_345 - net
        assert ledger.gas_collected == net
        assert ledger.count_supply().is_conserved
        changes = {c.address: int(c.amount) for c in executed.balance_changes}
        assert changes == {ALICE.address: -12_345 - net, BOB.address: 12_345}

    def test_money_in_objects_is_counted(self, ledger):
        succeed(deposit(ledger, ALICE, 777))
        supply = ledger.count_supply()
        assert supply.in_objects == 777
        assert supply.is_conserved

    def test_merging_back_refunds_storage(self, ledger):
        tx = Tx(ledger)
        coins = tx.split(GAS, 5, 6)
        tx.transfer(ALICE.address, nested(coins, 0), nested(coins, 1))
        succeed(tx.send(ALICE))
        small = [c for c in coins_of(ledger, ALICE.address) if c.sui_balance in (5, 6)]
        assert len(small) == 2
        tx = Tx(ledger)
        tx.do(ptb.MergeCoins(GAS, tuple(tx.obj(c.id) for c in small)))
        executed = succeed(tx.send(ALICE))
        used = executed.effects.gas_used
        assert used.storage_cost == 988_000
        # The two new coins were paid for; the gas coin is of genesis and was not.
        assert used.storage_rebate == 2 * 988_000 * 99 // 100
        assert used.non_refundable_storage_fee == 2 * 988_000 // 100
        assert ledger.count_supply().is_conserved

    def test_several_gas_coins_become_one(self, ledger):
        coins = coins_of(ledger, ALICE.address)
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.split(GAS, 900 * MIST_PER_SUI))
        executed = succeed(tx.send(ALICE, gas=coins))
        assert len(coins_of(ledger, ALICE.address)) == 1
        assert executed.effects.gas_object.object_id == coins[0].id
        assert ledger.count_supply().is_conserved

    def test_the_budget_cannot_be_spent(self, ledger):
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.split(GAS, 250 * MIST_PER_SUI - BUDGET + 1))
        executed = tx.send(ALICE)
        assert executed.effects.status.error.kind.name == "INSUFFICIENT_COIN_BALANCE"
        assert ledger.count_supply().is_conserved

    def test_the_gas_coin_can_be_sent_away_and_still_pays(self, ledger):
        gas = coins_of(ledger, ALICE.address)[0]
        tx = Tx(ledger)
        tx.transfer(BOB.address, GAS)
        executed = succeed(tx.send(ALICE, gas=[gas]))
        assert ledger.get_object(gas.id).is_owned_by(BOB.address)
        assert executed.effects.gas_object.output_owner.address == BOB.address
        assert ledger.count_supply().is_conserved

    def test_a_sponsor_pays(self, ledger):
        before = balance_of(ledger, ALICE.address)
        tx = Tx(ledger)
        (key,) = find(ledger, "Key", ALICE.address)
        tx.transfer(CAROL.address, tx.obj(key.id))
        data = tx.data(ALICE.address, coins_of(ledger, BOB.address)[:1], owner=BOB.address)
        raw = data.to_bcs()
        with pytest.raises(TransactionRejectedError, match="Required Signature"):
            ledger.execute(raw, [ALICE.sign(raw)])
        succeed(ledger.execute(raw, [ALICE.sign(raw), BOB.sign(raw)]))
        assert balance_of(ledger, ALICE.address) == before
        assert balance_of(ledger, BOB.address) < 1_000 * MIST_PER_SUI

    def test_too_small_a_budget_takes_all_of_it_and_undoes(self, ledger):
        tx = Tx(ledger)
        for _ in range(5):
            tx.transfer(BOB.address, tx.split(GAS, 1))
        executed = tx.send(ALICE, budget=2_000_000)
        assert executed.effects.status.error.kind.name == "INSUFFICIENT_GAS"
        assert executed.effects.gas_used.computation_cost == 2_000_000
        assert balance_of(ledger, BOB.address) == 1_000 * MIST_PER_SUI
        assert ledger.count_supply().is_conserved


class TestObjects:
    def test_a_shared_object_is_created_and_changed_in_place(self, ledger):
        tx = Tx(ledger)
        tx.transfer(ALICE.address, tx.call("create", tx.blob(b"mine")))
        executed = succeed(tx.send(ALICE))
        (made,) = (
            c for c in executed.effects.changed_objects if c.object_type.endswith("::box::Box")
        )
        assert made.output_owner.version == executed.effects.lamport_version
        before = ledger.get_object(made.object_id)
        tx = Tx(ledger)
        tx.call("deposit", tx.obj(made.object_id), tx.split(GAS, 9), tx.clock)
        succeed(tx.send(BOB))
        after = ledger.get_object(made.object_id)
        assert after.owner == before.owner
        assert after.version > before.version
        assert read_box(ledger, made.object_id).funds == 9
        assert ledger.get_object(made.object_id, before.version) == before

    def test_results_flow_between_commands(self, ledger):
        succeed(deposit(ledger, BOB, 1_000))
        (key,) = find(ledger, "Key", ALICE.address)
        tx = Tx(ledger)
        box = tx.obj(first_box(ledger).id)
        read = tx.call("read", box)
        coin = tx.call("withdraw", box, tx.obj(key.id), nested(read, 0))
        tx.do(ptb.TransferObjects((coin,), nested(read, 1)))
        succeed(tx.send(ALICE))
        assert read_box(ledger, first_box(ledger).id).funds == 0
        assert any(c.sui_balance == 1_000 for c in coins_of(ledger, ALICE.address))

    def test_a_coin_is_changed_by_reference(self, ledger):
        coin = coins_of(ledger, ALICE.address)[-1]
        tx = Tx(ledger)
        tx.call("skim", tx.obj(first_box(ledger).id), tx.obj(coin.id), tx.u64(10))
        succeed(tx.send(ALICE))
        assert ledger.get_object(coin.id).sui_balance == coin.sui_balance - 10

    def test_a_shared_object_is_deleted(self, ledger):
        box = first_box(ledger)
        succeed(deposit(ledger, BOB, 50))
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.call("smash", tx.obj(box.id)))
        executed = succeed(tx.send(ALICE))
        assert ledger.get_object(box.id) is None
        (gone,) = (c for c in executed.effects.changed_objects if c.object_id == box.id)
        assert gone.id_operation.name == "DELETED"
        assert gone.output_state.name == "DOES_NOT_EXIST"
        assert ledger.count_supply().is_conserved

    def test_a_shared_object_cannot_be_given_away(self, ledger):
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.obj(first_box(ledger).id))
        executed = tx.send(ALICE)
        error = executed.effects.status.error
        assert error.command_argument_error.kind.name == "INVALID_TRANSFER_OBJECT"

    def test_wrapping_hides_and_unwrapping_restores(self, ledger):
        (key,) = find(ledger, "Key", ALICE.address)
        box = first_box(ledger).id
        tx = Tx(ledger)
        tx.call("swallow", tx.obj(box), tx.obj(key.id))
        executed = succeed(tx.send(ALICE))
        (change,) = (c for c in executed.effects.changed_objects if c.object_id == key.id)
        assert change.id_operation.name == "NONE"
        assert change.output_state.name == "DOES_NOT_EXIST"
        assert ledger.get_object(key.id) is None
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.call("spit", tx.obj(box)))
        executed = succeed(tx.send(ALICE))
        (change,) = (c for c in executed.effects.changed_objects if c.object_id == key.id)
        assert change.input_state.name == "DOES_NOT_EXIST"
        assert change.id_operation.name == "NONE"
        assert ledger.get_object(key.id).is_owned_by(BOB.address)

    def test_a_frozen_object_is_read_by_all_and_changed_by_none(self, ledger):
        (key,) = find(ledger, "Key", ALICE.address)
        tx = Tx(ledger)
        tx.call("freeze_key", tx.obj(key.id))
        succeed(tx.send(ALICE))
        succeed(deposit(ledger, ALICE, 5))
        tx = Tx(ledger)
        coin = tx.call("withdraw", tx.obj(first_box(ledger).id), tx.obj(key.id), tx.u64(5))
        tx.transfer(BOB.address, coin)
        succeed(tx.send(BOB))
        tx = Tx(ledger)
        tx.call("freeze_key", tx.obj(key.id))
        error = tx.send(BOB).effects.status.error
        assert error.command_argument_error.kind.name == "INVALID_OBJECT_BY_VALUE"

    def test_an_object_without_store_moves_only_through_its_module(self, ledger):
        tx = Tx(ledger)
        made = tx.call("lid")
        tx.call("give_lid", made, tx.address(ALICE.address))
        succeed(tx.send(ALICE))
        (lid,) = find(ledger, "Lid", ALICE.address)
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.obj(lid.id))
        assert not tx.send(ALICE).effects.status.success
        tx = Tx(ledger)
        tx.call("give_lid", tx.obj(lid.id), tx.address(BOB.address))
        succeed(tx.send(ALICE))
        assert find(ledger, "Lid", BOB.address)

    def test_objects_larger_than_the_limit_fail(self, ledger):
        tx = Tx(ledger)
        tx.call("fill", tx.obj(first_box(ledger).id), tx.u64(250 * 1024))
        error = tx.send(ALICE, budget=10 * MIST_PER_SUI).effects.status.error
        assert error.kind.name == "OBJECT_TOO_BIG"


class TestPublishing:
    def publish(self, ledger, modules=MODULES):
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.do(ptb.Publish(modules, DEPENDENCIES)))
        return tx.send(BOB)

    def test_the_known_package_can_be_published_again(self, tmp_path):
        path = tmp_path / "sui.sqlite"
        ledger = open_ledger(path)
        executed = succeed(self.publish(ledger))
        (package,) = (c for c in executed.effects.changed_objects if c.object_type == "package")
        assert package.output_state.name == "PACKAGE_WRITE"
        assert package.output_version == 1
        (cap,) = (o for o in ledger.list_owned(BOB.address) if "UpgradeCap" in o.type)
        assert cap.contents[32:64].hex() == package.object_id[2:]
        (lid,) = find(ledger, "Lid", BOB.address)
        assert lid.type == f"{package.object_id}::box::Lid"
        decoded = bcs_txne.TransactionEffects.deserialize(executed.effects.bcs.value)
        assert decoded.serialize() == executed.effects.bcs.value
        ledger.store.close()
        ledger = open_ledger(path)
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.call("create", tx.blob(b"x"), package=package.object_id))
        succeed(tx.send(BOB))
        (key,) = (o for o in find(ledger, "Key", BOB.address))
        assert key.type == f"{package.object_id}::box::Key"

    def test_types_of_two_packages_are_not_mixed(self, ledger):
        executed = succeed(self.publish(ledger))
        (package,) = (c for c in executed.effects.changed_objects if c.object_type == "package")
        tx = Tx(ledger)
        tx.call("read", tx.obj(first_box(ledger).id), package=package.object_id)
        error = tx.send(ALICE).effects.status.error
        assert error.command_argument_error.kind.name == "TYPE_MISMATCH"

    def test_other_modules_are_refused(self, ledger):
        with pytest.raises(TransactionRejectedError, match="no Move VM"):
            self.publish(ledger, (*MODULES, b"more"))


class TestFailures:
    def test_an_abort_undoes_everything_but_gas(self, ledger):
        box = first_box(ledger)
        before = balance_of(ledger, ALICE.address)
        gas = coins_of(ledger, ALICE.address)[0]
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.split(GAS, 99))
        tx.call("deposit", tx.obj(box.id), tx.split(GAS, 0), tx.clock)
        executed = tx.send(ALICE, gas=[gas])
        error = executed.effects.status.error
        assert error.kind.name == "MOVE_ABORT"
        assert error.command == 3
        assert error.abort.abort_code == 1
        assert error.abort.location.package == compute_package_id(ledger.seed)
        assert error.abort.location.module == "box"
        assert error.abort.location.function_name == "deposit"
        assert balance_of(ledger, BOB.address) == 1_000 * MIST_PER_SUI
        assert balance_of(ledger, ALICE.address) == before - ledger.gas_collected
        assert executed.events is None
        version = executed.effects.lamport_version
        assert ledger.get_object(gas.id).version == version
        assert ledger.get_object(box.id).version == version
        assert ledger.get_object(box.id).contents == box.contents
        assert ledger.count_supply().is_conserved

    def test_framework_aborts_name_the_framework(self, ledger):
        coin = coins_of(ledger, ALICE.address)[-1]
        tx = Tx(ledger)
        box = tx.obj(first_box(ledger).id)
        tx.call("skim", box, tx.obj(coin.id), tx.u64(coin.sui_balance + 1))
        location = tx.send(ALICE).effects.status.error.abort.location
        assert (location.package[-1], location.module) == ("2", "balance")

    @pytest.mark.parametrize(
        ("build", "kind"),
        [
            (lambda tx: tx.call("nothing"), "FUNCTION_NOT_FOUND"),
            (lambda tx: tx.call("lid", tx.u64(1)), "ARITY_MISMATCH"),
            (lambda tx: tx.call("lid"), "UNUSED_VALUE_WITHOUT_DROP"),
            (lambda tx: tx.call("ticket", tx.u64(1)), "UNUSED_VALUE_WITHOUT_DROP"),
            (lambda tx: tx.split(GAS, 1), "UNUSED_VALUE_WITHOUT_DROP"),
        ],
    )
    def test_commands_fail_with_their_kind(self, ledger, build, kind):
        tx = Tx(ledger)
        build(tx)
        assert tx.send(ALICE).effects.status.error.kind.name == kind

    @pytest.mark.parametrize(
        ("build", "kind"),
        [
            (lambda tx: tx.call("create", tx.u64(2**63)), "INVALID_BCS_BYTES"),
            (lambda tx: tx.call("punch", tx.u64(1)), "TYPE_MISMATCH"),
            (lambda tx: tx.call("create", nested(GAS, 0)), "INDEX_OUT_OF_BOUNDS"),
            (
                lambda tx: tx.transfer(BOB.address, nested(tx.split(GAS, 1), 1)),
                "SECONDARY_INDEX_OUT_OF_BOUNDS",
            ),
            (lambda tx: tx.transfer(BOB.address, tx.split(GAS, 1, 2)), "INVALID_RESULT_ARITY"),
        ],
    )
    def test_arguments_fail_with_their_kind(self, ledger, build, kind):
        tx = Tx(ledger)
        build(tx)
        error = tx.send(ALICE).effects.status.error
        assert error.kind.name == "COMMAND_ARGUMENT_ERROR"
        assert error.command_argument_error.kind.name == kind

    def test_a_moved_value_is_gone(self, ledger):
        tx = Tx(ledger)
        coin = tx.split(GAS, 1)
        tx.transfer(BOB.address, coin)
        tx.transfer(BOB.address, coin)
        error = tx.send(ALICE).effects.status.error
        assert error.command == 2
        assert error.command_argument_error.kind.name == "INVALID_VALUE_USAGE"

    def test_a_read_only_shared_object_cannot_be_changed(self, ledger):
        tx = Tx(ledger)
        box = tx.obj(first_box(ledger).id, mutable=False)
        tx.call("fill", box, tx.u64(1))
        error = tx.send(ALICE).effects.status.error
        assert error.command_argument_error.kind.name == "INVALID_OBJECT_BY_MUT_REF"

    def test_reading_leaves_the_version(self, ledger):
        box = first_box(ledger)
        tx = Tx(ledger)
        tx.call("read", tx.obj(box.id, mutable=False))
        executed = succeed(tx.send(ALICE))
        assert ledger.get_object(box.id) == box
        (read,) = executed.effects.unchanged_consensus_objects
        assert (read.object_id, read.version) == (box.id, box.version)

    def test_a_hot_potato_is_used_up(self, ledger):
        tx = Tx(ledger)
        tx.call("punch", tx.call("ticket", tx.u64(1)))
        succeed(tx.send(ALICE))


class TestDefects:
    """What Move's type system forbids is detected in the Python contract, and undone."""

    @pytest.mark.parametrize("function", ["forge", "lose", "meddle"])
    def test_a_broken_contract_is_not_committed(self, ledger, function):
        (key,) = find(ledger, "Key", ALICE.address)
        tx = Tx(ledger)
        oid = key.id if function == "lose" else first_box(ledger).id
        tx.call(function, tx.obj(oid, mutable=function == "forge"))
        with pytest.raises(ContractDefectError):
            tx.send(ALICE)
        assert ledger.gas_collected == 0
        assert Key.from_bcs(ledger.get_object(key.id).contents)


class TestRefusals:
    def send_raw(self, ledger, data, account=ALICE):
        raw = data.to_bcs()
        return ledger.execute(raw, [account.sign(raw)])

    def simple(self, ledger):
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.split(GAS, 1))
        return tx

    def test_a_forged_signature(self, ledger):
        raw = self.simple(ledger).data(ALICE.address, coins_of(ledger, ALICE.address)).to_bcs()
        forged = bytearray(ALICE.sign(raw))
        forged[7] ^= 1
        with pytest.raises(TransactionRejectedError, match="Invalid user signature"):
            ledger.execute(raw, [bytes(forged)])

    def test_a_strangers_signature(self, ledger):
        raw = self.simple(ledger).data(ALICE.address, coins_of(ledger, ALICE.address)).to_bcs()
        with pytest.raises(TransactionRejectedError, match="Required Signature"):
            ledger.execute(raw, [BOB.sign(raw)])
        with pytest.raises(TransactionRejectedError, match="97 bytes"):
            ledger.execute(raw, [b"\1" + bytes(96)])

    def test_a_stale_version(self, ledger):
        stale = coins_of(ledger, ALICE.address)[0]
        succeed(self.simple(ledger).send(ALICE, gas=[stale]))
        with pytest.raises(TransactionRejectedError, match="unavailable for consumption"):
            self.simple(ledger).send(ALICE, gas=[stale], budget=BUDGET + 1)

    def test_a_wrong_digest(self, ledger):
        coin = coins_of(ledger, ALICE.address)[0]
        tx = self.simple(ledger)
        data = tx.data(ALICE.address, [coin])
        wrong = ptb.GasData(
            (ptb.ObjectRef(coin.id, coin.version, bytes(32)),), ALICE.address, 1000, BUDGET
        )
        with pytest.raises(TransactionRejectedError, match="Invalid Object digest"):
            self.send_raw(ledger, ptb.TransactionData(data.programmable, data.sender, wrong, None))

    def test_anothers_object(self, ledger):
        (key,) = find(ledger, "Key", ALICE.address)
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.obj(key.id))
        with pytest.raises(TransactionRejectedError, match="is owned by account address"):
            tx.send(BOB)

    def test_anothers_gas(self, ledger):
        with pytest.raises(TransactionRejectedError, match="is owned by account address"):
            self.simple(ledger).send(ALICE, gas=coins_of(ledger, BOB.address)[:1])

    def test_a_wrong_start_of_sharing(self, ledger):
        box = first_box(ledger)
        tx = Tx(ledger)
        tx.call("read", tx.add(ptb.SharedInput(box.id, 9, mutable=False)))
        with pytest.raises(TransactionRejectedError, match="initial_shared_version"):
            tx.send(ALICE)

    def test_a_shared_object_as_owned_and_an_owned_as_shared(self, ledger):
        (key,) = find(ledger, "Key", ALICE.address)
        for item in (
            ptb.OwnedInput(ref_of(first_box(ledger))),
            ptb.SharedInput(key.id, key.version, mutable=True),
        ):
            tx = Tx(ledger)
            tx.call("lid", tx.add(item))
            with pytest.raises(TransactionRejectedError, match="shared"):
                tx.send(ALICE)

    def test_the_clock_cannot_be_changed(self, ledger):
        tx = Tx(ledger)
        tx.call("lid", tx.add(ptb.SharedInput("0x" + "0" * 63 + "6", 1, mutable=True)))
        with pytest.raises(TransactionRejectedError, match="can only be read"):
            tx.send(ALICE)

    def test_an_object_used_twice(self, ledger):
        coin = coins_of(ledger, ALICE.address)[0]
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.obj(coin.id))
        with pytest.raises(TransactionRejectedError, match="more than once"):
            tx.send(ALICE, gas=[coin])

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"price": 999}, "under reference gas price"),
            ({"budget": 999_999}, "lower than min"),
            ({"budget": 51 * MIST_PER_SUI}, "higher than max"),
        ],
    )
    def test_gas_terms(self, ledger, changes, message):
        with pytest.raises(TransactionRejectedError, match=message):
            self.simple(ledger).send(ALICE, **changes)

    def test_gas_balance(self, ledger):
        tx = Tx(ledger)
        tx.transfer(ALICE.address, tx.split(GAS, 7))
        succeed(tx.send(ALICE))
        with pytest.raises(TransactionRejectedError, match="lower than the needed amount"):
            self.simple(ledger).send(ALICE, gas=coins_of(ledger, ALICE.address)[-1:])

    def test_expiration(self, ledger):
        succeed(self.simple(ledger).send(ALICE, expiration=0))
        ledger.advance_epoch()
        with pytest.raises(TransactionRejectedError, match="Expired"):
            self.simple(ledger).send(ALICE, expiration=0)
        succeed(self.simple(ledger).send(ALICE, expiration=1))

    def test_unknown_package_and_object(self, ledger):
        tx = Tx(ledger)
        tx.call("lid", package="0x" + "9" * 64)
        with pytest.raises(TransactionRejectedError, match="package not found"):
            tx.send(ALICE)
        tx = Tx(ledger)
        tx.call("lid", tx.add(ptb.SharedInput("0x" + "9" * 64, 1, mutable=True)))
        with pytest.raises(TransactionRejectedError, match="Could not find"):
            tx.send(ALICE)

    def test_garbage(self, ledger):
        with pytest.raises(TransactionRejectedError, match="not a transaction"):
            ledger.execute(b"\0\0\1", [])
        raw = self.simple(ledger).data(ALICE.address, coins_of(ledger, ALICE.address)).to_bcs()
        with pytest.raises(TransactionRejectedError, match="not a transaction"):
            ledger.execute(raw + b"\0", [ALICE.sign(raw + b"\0")])


class TestRandomnessAndTime:
    def test_randomness_is_followed_only_by_transfers(self, ledger):
        tx = Tx(ledger)
        tx.call("toss", tx.random)
        tx.split(GAS, 1)
        with pytest.raises(TransactionRejectedError, match="PostRandomCommandRestrictions"):
            tx.send(ALICE)

    def test_randomness_differs_between_transactions_and_repeats_with_the_seed(self):
        def tosses():
            ledger = open_ledger()
            out = []
            for _ in range(3):
                tx = Tx(ledger)
                tx.call("toss", tx.random)
                (event,) = succeed(tx.send(ALICE)).events.events
                out.append(event.contents.value)
            return out

        first = tosses()
        assert len(set(first)) == 3
        assert tosses() == first

    def test_the_clock_is_the_ledgers(self):
        wall = Wall()
        ledger = open_ledger(wall=wall)
        ledger.advance_clock(5_000)
        wall.ms += 70
        (event,) = succeed(deposit(ledger, ALICE, 5)).events.events
        assert int.from_bytes(event.contents.value[-8:], "little") == START_MS + 5_070
        wall.ms -= 1_000
        assert ledger.now_ms() == START_MS + 5_070
        with pytest.raises(ValueError, match="back"):
            ledger.advance_clock(-1)


class TestAnswers:
    def test_the_same_bytes_get_the_same_answer_once(self, ledger):
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.split(GAS, 1))
        raw = tx.data(ALICE.address, coins_of(ledger, ALICE.address)[:1]).to_bcs()
        first = ledger.execute(raw, [ALICE.sign(raw)])
        supply = ledger.count_supply()
        assert ledger.execute(raw, [ALICE.sign(raw)]) == first
        assert ledger.count_supply() == supply
        assert first.checkpoint is None

    def test_a_transaction_shows_its_checkpoint_later(self):
        ledger = open_ledger(seal_at_once=False)
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.split(GAS, 1))
        executed = succeed(tx.send(ALICE))
        digest = ptb.compute_transaction_digest(executed.transaction.bcs.value)
        assert ledger.get_transaction(digest).checkpoint is None
        ledger.seal()
        found = ledger.get_transaction(digest)
        assert found.checkpoint == ledger.tip.sequence == 1
        assert found.transaction_index == 0
        assert ledger.get_transaction(bytes(32)) is None

    def test_events_carry_type_contents_and_json(self, ledger):
        (event,) = succeed(deposit(ledger, ALICE, 42)).events.events
        package = compute_package_id(ledger.seed)
        assert event.event_type == f"{package}::events::Deposited"
        assert (event.package_id, event.module) == (package, "box")
        assert event.sender == ALICE.address
        assert event.json.struct_value.fields["amount"].string_value == "42"
        assert event.contents.value[32:40] == (42).to_bytes(8, "little")

    def test_simulation_changes_nothing(self, ledger):
        tx = Tx(ledger)
        tx.call("deposit", tx.obj(first_box(ledger).id), tx.split(GAS, 3), tx.clock)
        before = ledger.count_supply()
        executed, _ = ledger.simulate(tx.data(ALICE.address, []))
        assert executed.effects.status.success
        assert executed.effects.gas_object is None
        assert ledger.count_supply() == before
        assert read_box(ledger, first_box(ledger).id).funds == 0

    def test_seeds_make_chains(self):
        assert open_ledger().chain_id == open_ledger().chain_id
        assert len(open_ledger().chain_id) >= 43
