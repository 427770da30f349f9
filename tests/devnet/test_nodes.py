"""Full nodes that lag, freeze, prune or are old; locks; epochs; faults; details of refusals."""

import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb
import pytest
import trio
from pysui.sui.sui_grpc.suimsgs.google.protobuf import FieldMask, ListValue, Value

from walrusd.chain.grpc import BadRequest, ErrorInfo, GRPCError, Status
from walrusd.devnet.chain_file import load_contract
from walrusd.devnet.move import ptb
from walrusd.devnet.move.failures import EquivocatedError, TransactionRejectedError
from walrusd.devnet.move.objects import to_base58
from walrusd.devnet.move.types import FRAMEWORK, SUI_COIN
from walrusd.devnet.rpc.endpoints import NodeOptions, SuiEndpoints
from walrusd.devnet.rpc.faults import FaultKind, FaultRule
from walrusd.devnet.rpc.replica import Replica
from walrusd.units import MIST_PER_SUI

from .demo_package import DEPENDENCIES, MODULES
from .test_services import (
    EXECUTE,
    SIMULATE,
    SUBSCRIBE,
    deposit,
    first_box,
    open_node,
    signed,
)
from .tools import GAS, Tx, accounts, balance_of, coins_of, open_ledger

ALICE, BOB, _ = accounts()
BALANCE = "StateService/GetBalance"
OBJECT = "LedgerService/GetObject"
TRANSACTION = "LedgerService/GetTransaction"


def pay(ledger, amount=1, account=ALICE):
    tx = Tx(ledger)
    tx.transfer(BOB.address, tx.split(GAS, amount))
    return tx.send(account)


def digest_of(executed) -> bytes:
    return ptb.compute_transaction_digest(executed.transaction.bcs.value)


class TestReplica:
    def test_a_lagging_node_shows_the_past_until_the_checkpoint_arrives(self):
        ledger, time = open_ledger(), [0.0]
        now, late = Replica(ledger), Replica(ledger, lag=2.0, now=lambda: time[0])
        box = first_box(ledger).id
        before, bobs = late.get_object(box), len(late.list_owned(BOB.address, SUI_COIN))
        done = deposit(ledger, ALICE, 5)
        paid = pay(ledger)
        time[0] = 1.9
        assert late.get_object(box) == before
        assert now.get_object(box).version > before.version
        assert late.get_object(box, now.get_object(box).version) is None
        assert len(late.list_owned(BOB.address, SUI_COIN)) == bobs
        assert len(now.list_owned(BOB.address, SUI_COIN)) == bobs + 1
        assert late.get_transaction(digest_of(done)) is None
        assert (late.tip.sequence, now.tip.sequence) == (0, 2)
        time[0] = 2.0
        assert late.get_object(box) == now.get_object(box)
        assert late.get_object(box, before.version) == before
        assert late.get_transaction(digest_of(paid)).checkpoint == 2
        assert late.list_owned(ALICE.address) == now.list_owned(ALICE.address)
        assert ledger.history.before(0) == {}  # no reader needs the past any more

    def test_what_is_deleted_and_made_is_as_it_was(self):
        ledger = open_ledger()
        node = Replica(ledger)
        node.freeze(True)
        mine = node.list_owned(ALICE.address, SUI_COIN)
        tx = Tx(ledger)
        first, second, *_ = coins_of(ledger, ALICE.address)
        tx.transfer(BOB.address, tx.obj(first.id))
        tx.send(ALICE, gas=[second, *coins_of(ledger, ALICE.address)[2:]])
        assert node.list_owned(ALICE.address, SUI_COIN) == mine
        assert len(ledger.list_owned(ALICE.address, SUI_COIN)) == 1
        assert node.get_object(first.id) == first
        node.freeze(False)
        assert node.list_owned(ALICE.address) == ledger.list_owned(ALICE.address)

    def test_a_frozen_node_keeps_its_time_and_epoch(self):
        ledger = open_ledger()
        node = Replica(ledger)
        ledger.advance_clock(1_000)
        node.freeze(True)
        stood = node.now_ms()
        ledger.advance_clock(60_000)
        ledger.advance_epoch(gas_price=2_000)
        assert node.now_ms() == stood
        assert (node.epoch, node.gas_price) == (0, 1_000)
        node.freeze(False)
        assert node.now_ms() == stood + 60_000
        assert (node.epoch, node.gas_price) == (1, 2_000)

    def test_a_node_forgets_what_it_prunes(self):
        ledger = open_ledger()
        node = Replica(ledger, keep=2)
        box = first_box(ledger)
        old = deposit(ledger, ALICE, 1)
        version = first_box(ledger).version
        for _ in range(3):
            new = deposit(ledger, ALICE, 1)
        assert node.lowest == 3
        assert node.get_transaction(digest_of(old)) is None
        assert node.get_transaction(digest_of(new)).checkpoint == 4
        assert node.checkpoint(2) is None
        assert node.checkpoint(3) is not None
        assert node.get_object(box.id, version) is None
        assert node.get_object(box.id) is not None  # the present is never pruned


PACKAGE, FUNCTION, VERSIONS = (
    f"MovePackageService/{name}" for name in ("GetPackage", "GetFunction", "ListPackageVersions")
)


def package_of(executed) -> str:
    assert executed.effects.status.success
    (made,) = (c for c in executed.effects.changed_objects if c.object_type == "package")
    return made.object_id


def publish(ledger, contract=None) -> str:
    """Publish a contract, the demo by default, and return its id."""
    tx = Tx(ledger)
    code = (
        (MODULES, DEPENDENCIES) if contract is None else (contract.modules, contract.dependencies)
    )
    tx.transfer(BOB.address, tx.do(ptb.Publish(*code)))
    return package_of(tx.send(BOB, budget=MIST_PER_SUI))


def upgrade(ledger, package, contract) -> str:
    def call(function, *arguments):
        return tx.do(ptb.MoveCall(FRAMEWORK, "package", function, (), arguments))

    tx = Tx(ledger)
    (right,) = (o.id for o in ledger.list_owned(BOB.address) if o.type.endswith("::UpgradeCap"))
    cap = tx.obj(right)
    ticket = call("authorize_upgrade", cap, tx.pure(b"\0"), tx.blob(contract.digest))
    command = ptb.Upgrade(contract.modules, contract.dependencies, package, ticket)
    call("commit_upgrade", cap, tx.do(command))
    return package_of(tx.send(BOB, budget=MIST_PER_SUI))


def create_resolved(ledger, package) -> pb.Transaction:
    """Return a call of ``package`` as bytes, paid with a coin that nothing here touched."""
    tx = Tx(ledger)
    tx.transfer(BOB.address, tx.call("create", tx.blob(b"x"), package=package))
    raw = tx.data(ALICE.address, coins_of(ledger, ALICE.address)[:1]).to_bcs()
    return pb.Transaction(bcs=pb.Bcs(value=raw))


def create_unresolved(package) -> pb.Transaction:
    """Return a call of ``package`` whose input has the type that the package gives it."""
    byte = Value(list_value=ListValue(values=[Value(number_value=7)]))
    call = pb.MoveCall(
        package=package,
        module="box",
        function="create",
        arguments=[pb.Argument(kind=pb.ArgumentArgumentKind.INPUT, input=0)],
    )
    transfer = pb.TransferObjects(
        objects=[pb.Argument(kind=pb.ArgumentArgumentKind.RESULT, result=0)],
        address=pb.Argument(kind=pb.ArgumentArgumentKind.INPUT, input=1),
    )
    block = pb.ProgrammableTransaction(
        inputs=[pb.Input(literal=byte), pb.Input(literal=Value(string_value=BOB.address))],
        commands=[pb.Command(move_call=call), pb.Command(transfer_objects=transfer)],
    )
    kind = pb.TransactionKind(programmable_transaction=block)
    return pb.Transaction(kind=kind, sender=ALICE.address)


class TestUnseenPackages:
    """What was published after a node's tip is not visible through any RPC."""

    async def test_a_frozen_node_knows_neither_package_nor_version(self):
        contract = load_contract()
        async with open_node(contract=contract) as node:
            ledger, replica = node.ledger, node.services.node
            first = publish(ledger, contract)
            replica.freeze(True)
            second, other = upgrade(ledger, first, contract), publish(ledger, contract)
            for unseen in (second, other):
                assert await node.refused(OBJECT, object_id=unseen) is Status.NOT_FOUND
                assert await node.refused(PACKAGE, package_id=unseen) is Status.NOT_FOUND
                assert await node.refused(VERSIONS, package_id=unseen) is Status.NOT_FOUND
                wanted = {"package_id": unseen, "module_name": "node", "name": "exit_seat"}
                assert await node.refused(FUNCTION, **wanted) is Status.NOT_FOUND
            assert await self.versions(node, first) == [(first, 1)]
            assert set(replica.packages.by_id) == set(ledger.packages.by_id) - {second, other}
            replica.freeze(False)
            assert await self.versions(node, first) == [(first, 1), (second, 2)]
            assert await self.versions(node, other) == [(other, 1)]
            for seen in (second, other):
                found = (await node.ask(PACKAGE, package_id=seen)).package
                assert len(found.modules) == len(contract.modules)

    async def versions(self, node, package):
        found = await node.ask(VERSIONS, package_id=package)
        return [(v.package_id, v.version) for v in found.versions]

    async def test_a_lagging_node_learns_of_it_when_the_checkpoint_arrives(self, autojump_clock):
        async with open_node() as node:
            node.services.node.lag = 2.0
            package = publish(node.ledger)
            await trio.sleep(1.9)
            assert await node.refused(PACKAGE, package_id=package) is Status.NOT_FOUND
            await trio.sleep(0.2)
            assert (await node.ask(PACKAGE, package_id=package)).package.storage_id == package

    async def test_a_simulation_calls_no_unseen_package_but_validators_do(self):
        async with open_node() as node:
            ledger, replica = node.ledger, node.services.node
            seen = publish(ledger)
            replica.freeze(True)
            unseen = publish(ledger)
            for transaction, words in (
                (create_resolved(ledger, unseen), "Dependent package not found"),
                (create_unresolved(unseen), "the type of input 0 cannot be inferred"),
            ):
                with pytest.raises(GRPCError, match=words) as caught:
                    await node.ask(SIMULATE, transaction=transaction)
                assert caught.value.status is Status.INVALID_ARGUMENT
            await self.simulate(node, seen)
            raw = create_resolved(ledger, unseen).bcs.value
            assert ledger.execute(raw, [ALICE.sign(raw)]).effects.status.success
            replica.freeze(False)
            await self.simulate(node, unseen)

    async def simulate(self, node, package):
        for transaction in (create_resolved(node.ledger, package), create_unresolved(package)):
            reply = await node.ask(SIMULATE, transaction=transaction)
            assert reply.transaction.effects.status.success


class TestSealing:
    async def test_an_executed_transaction_is_shown_with_its_checkpoint(self):
        async with open_node(seal_at_once=False) as node:
            request = signed(
                node.ledger, ALICE, lambda tx: tx.transfer(BOB.address, tx.split(GAS, 1))
            )
            done = (await node.ask(EXECUTE, **request, mask="digest checkpoint")).transaction
            assert done.checkpoint is None
            assert await node.refused(TRANSACTION, digest=done.digest) is Status.NOT_FOUND
            held = await node.ask(BALANCE, owner=BOB.address)
            assert held.balance.balance == 1_000 * MIST_PER_SUI
            node.ledger.seal()
            found = await node.ask(TRANSACTION, digest=done.digest, mask="checkpoint timestamp")
            assert found.transaction.checkpoint == 1
            assert found.transaction.timestamp is not None
            held = await node.ask(BALANCE, owner=BOB.address)
            assert held.balance.balance == 1_000 * MIST_PER_SUI + 1

    async def test_a_simulation_runs_on_what_its_node_has_seen(self):
        async with open_node(seal_at_once=False) as node:
            used = pay(node.ledger).effects.gas_object.object_id
            tx = Tx(node.ledger)
            tx.transfer(BOB.address, tx.split(GAS, 1))
            raw = tx.data(ALICE.address, [node.ledger.get_object(used)]).to_bcs()
            request = {"transaction": pb.Transaction(bcs=pb.Bcs(value=raw))}
            status = await node.refused(SIMULATE, transaction=request["transaction"])
            assert status is Status.INVALID_ARGUMENT  # its gas coin has a version yet unknown
            node.ledger.seal()
            reply = await node.ask(SIMULATE, transaction=request["transaction"])
            assert reply.transaction.effects.status.success

    async def test_a_subscription_wakes_when_the_checkpoint_arrives(self, autojump_clock):
        async with open_node() as node:
            node.services.node.lag = 3.0
            request = pb.SubscribeEventsRequest(read_mask=FieldMask(["checkpoint"]))
            async with node.channel.stream(SUBSCRIBE, request) as stream:
                await stream.recv_message()
                begin = trio.current_time()
                deposit(node.ledger, ALICE, 1)
                frame = await stream.recv_message()
                assert frame.event.checkpoint == 1
                assert trio.current_time() - begin == pytest.approx(3.0, abs=0.1)


class TestLocks:
    def test_one_version_is_promised_to_one_transaction(self):
        ledger = open_ledger()
        coin = coins_of(ledger, ALICE.address)[0]
        raws = []
        for amount in (1, 2):
            tx = Tx(ledger)
            tx.transfer(BOB.address, tx.split(GAS, amount))
            raws.append(tx.data(ALICE.address, [coin]).to_bcs())
        first, second = [(raw, [ALICE.sign(raw)]) for raw in raws]
        ledger.hold(*first)
        ledger.hold(*first)
        assert len(ledger.locks) == 1
        assert balance_of(ledger, BOB.address) == 1_000 * MIST_PER_SUI
        assert ledger.execute(*first).effects.status.success  # the same bytes get their quorum
        assert len(ledger.locks) == 0
        with pytest.raises(TransactionRejectedError, match="unavailable for consumption"):
            ledger.execute(*second)

    def test_two_claims_lock_a_coin_until_the_epoch_ends(self):
        ledger = open_ledger()
        coin, other, *_ = coins_of(ledger, ALICE.address)
        raws = []
        for amount in (1, 2):
            tx = Tx(ledger)
            tx.transfer(BOB.address, tx.split(GAS, amount))
            raws.append(tx.data(ALICE.address, [coin]).to_bcs())
        first, second = [(raw, [ALICE.sign(raw)]) for raw in raws]
        ledger.hold(*first)
        for claim in (second, first, second):
            with pytest.raises(EquivocatedError, match="equivocated until the next epoch"):
                ledger.execute(*claim)
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.split(GAS, 3))
        assert tx.send(ALICE, gas=[other]).effects.status.success  # other coins are free
        ledger.advance_epoch()
        assert ledger.execute(*second).effects.status.success

    def test_locks_survive_a_restart(self, tmp_path):
        path = tmp_path / "chain"
        ledger = open_ledger(path)
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.split(GAS, 1))
        raw = tx.data(ALICE.address, coins_of(ledger, ALICE.address)[:1]).to_bcs()
        ledger.hold(raw, [ALICE.sign(raw)])
        ledger.store.close()
        again = open_ledger(path)
        tx.commands.clear()
        tx.transfer(BOB.address, tx.split(GAS, 2))
        other = tx.data(ALICE.address, coins_of(again, ALICE.address)[:1]).to_bcs()
        with pytest.raises(EquivocatedError):
            again.execute(other, [ALICE.sign(other)])
        again.store.close()

    async def test_an_equivocation_is_a_failed_precondition(self):
        async with open_node() as node:
            one = signed(node.ledger, ALICE, lambda tx: tx.transfer(BOB.address, tx.split(GAS, 1)))
            two = signed(node.ledger, ALICE, lambda tx: tx.transfer(BOB.address, tx.split(GAS, 2)))
            node.services.faults.rules = [FaultRule(FaultKind.HOLD, "ExecuteTransaction", times=1)]
            assert await node.refused(EXECUTE, **one) is Status.UNAVAILABLE
            assert await node.refused(EXECUTE, **two) is Status.FAILED_PRECONDITION


class TestEpochs:
    async def test_a_new_epoch_may_cost_more(self):
        async with open_node() as node:
            node.ledger.advance_epoch(gas_price=1_500)
            request = signed(
                node.ledger, ALICE, lambda tx: tx.transfer(BOB.address, tx.split(GAS, 1))
            )
            with pytest.raises(GRPCError, match="under reference gas price"):
                await node.ask(EXECUTE, **request)
            epoch = (await node.ask("LedgerService/GetEpoch", mask="reference_gas_price")).epoch
            assert epoch.reference_gas_price == 1_500
            past = await node.ask("LedgerService/GetEpoch", epoch=0, mask="reference_gas_price")
            assert past.epoch.reference_gas_price == 1_000
            node.ledger.advance_epoch()
            assert node.ledger.gas_price == 1_500
            with pytest.raises(ValueError, match="at least 1"):
                node.ledger.advance_epoch(gas_price=0)

    def test_the_price_survives_a_restart(self, tmp_path):
        ledger = open_ledger(tmp_path / "chain")
        ledger.advance_epoch(gas_price=900)
        ledger.store.close()
        again = open_ledger(tmp_path / "chain")
        assert (again.epoch, again.gas_price) == (1, 900)
        again.store.close()


class TestPruned:
    async def test_pruned_history_is_refused_not_skipped(self):
        async with open_node() as node:
            deposit(node.ledger, ALICE, 1)
            frames = await node.list_events()
            for _ in range(4):
                deposit(node.ledger, ALICE, 1)
            node.services.node.prune(3)
            info = await node.ask("LedgerService/GetServiceInfo")
            assert info.lowest_available_checkpoint == 3
            for bad in (
                {"start_checkpoint": 2},
                {"options": pb.QueryOptions(after=frames[0].watermark.cursor)},
            ):
                with pytest.raises(GRPCError, match="pruned") as caught:
                    await node.list_events(**bad)
                assert caught.value.status is Status.OUT_OF_RANGE
            kept = [f.event.checkpoint for f in await node.list_events() if f.event]
            assert kept == [3, 4, 5]
            assert (await node.list_events(start_checkpoint=4))[0].event.checkpoint == 4
            for sequence in (2, 9):
                status = await node.refused("LedgerService/GetCheckpoint", sequence_number=sequence)
                assert status is Status.NOT_FOUND


class TestRequests:
    @pytest.mark.parametrize(
        ("route", "fields", "field"),
        [
            (OBJECT, {"object_id": "moon"}, "object_id"),
            (OBJECT, {}, "object_id"),
            (TRANSACTION, {"digest": "0"}, "digest"),
            (BALANCE, {"owner": ALICE.address, "coin_type": "SUI"}, "coin_type"),
            ("StateService/ListOwnedObjects", {"owner": "0x1", "object_type": "x<"}, "object_type"),
            (
                "StateService/ListOwnedObjects",
                {"owner": "0x1", "page_token": b"\xff"},
                "page_token",
            ),
            ("StateService/ListDynamicFields", {"parent": "zz"}, "parent"),
            (EXECUTE, {}, "transaction.bcs.value"),
        ],
    )
    async def test_a_refusal_names_the_field(self, route, fields, field):
        async with open_node() as node:
            with pytest.raises(GRPCError) as caught:
                await node.ask(route, **fields)
        assert caught.value.status is Status.INVALID_ARGUMENT
        bad, info = caught.value.details
        assert isinstance(bad, BadRequest)
        assert [v.field for v in bad.field_violations] == [field]
        assert isinstance(info, ErrorInfo)
        assert info.domain == "sui.rpc"

    async def test_addresses_and_types_may_be_short(self):
        async with open_node() as node:
            coin = coins_of(node.ledger, ALICE.address)[0]
            for owner in (
                ALICE.address,
                ALICE.address.upper().replace("0X", ""),
                ALICE.address[2:],
            ):
                found = await node.ask(
                    "StateService/ListOwnedObjects",
                    owner=owner,
                    object_type="0x2::coin::Coin< 0x02::sui::SUI >",
                    mask="object_id",
                )
                assert coin.id in {o.object_id for o in found.objects}
            clock = await node.ask(OBJECT, object_id="0x6", mask="object_id object_type")
            assert clock.object.object_id == "0x" + "6".zfill(64)

    async def test_one_coin_type(self):
        async with open_node() as node:
            sui = await node.ask("StateService/GetCoinInfo", coin_type="0x2::sui::SUI")
            assert sui.metadata.decimals == 9
            status = await node.refused("StateService/GetCoinInfo", coin_type="0x3::a::B")
            assert status is Status.NOT_FOUND

    async def test_a_batch_of_transactions_has_errors_in_place(self):
        async with open_node() as node:
            done = deposit(node.ledger, ALICE, 1)
            found = await node.ask(
                "LedgerService/BatchGetTransactions",
                digests=[done.digest, to_base58(bytes(32)), "moon"],
                mask="digest checkpoint",
            )
            good, missing, bad = found.transactions
            assert (good.transaction.digest, good.transaction.checkpoint) == (done.digest, 1)
            assert missing.error.code == Status.NOT_FOUND.value
            assert bad.error.code == Status.INVALID_ARGUMENT.value

    async def test_masks_reach_into_lists_and_groups(self):
        async with open_node() as node:
            done = deposit(node.ledger, ALICE, 1)
            shown = await node.ask(
                TRANSACTION,
                digest=done.digest,
                mask="effects.changed_objects.object_id effects.status events.events.event_type",
            )
            effects = shown.transaction.effects
            assert effects.status.success
            assert effects.gas_used is None
            assert all(c.object_id and c.output_digest is None for c in effects.changed_objects)
            assert shown.transaction.events.events[0].contents is None
            assert shown.transaction.digest is None


class TestFaults:
    async def meet(self, rule, route=BALANCE, **fields):
        async with open_node() as node:
            node.services.faults.rules = [rule]
            with pytest.raises(GRPCError) as caught:
                await node.ask(route, **(fields or {"owner": BOB.address}))
            assert rule.fired == 1
            assert (await node.ask(BALANCE, owner=BOB.address)).balance is not None
            return caught.value.status

    @pytest.mark.parametrize(
        "kind",
        [FaultKind.FAIL, FaultKind.RESET, FaultKind.DISCONNECT, FaultKind.CUT, FaultKind.LOSE],
    )
    async def test_a_call_fails_once(self, kind, autojump_clock):
        assert await self.meet(FaultRule(kind, times=1)) is Status.UNAVAILABLE

    async def test_a_dropped_call_is_silent(self, autojump_clock):
        begin = trio.current_time()
        assert await self.meet(FaultRule(FaultKind.DROP, times=1)) is Status.DEADLINE_EXCEEDED
        assert trio.current_time() - begin >= 30

    async def test_latency_and_patterns(self, autojump_clock):
        async with open_node() as node:
            node.services.faults.rules = [FaultRule("latency", "Get*", low_ms=500, high_ms=600)]
            begin = trio.current_time()
            await node.ask(BALANCE, owner=BOB.address)
            assert 0.5 <= trio.current_time() - begin <= 0.7
            begin = trio.current_time()
            await node.ask("StateService/ListOwnedObjects", owner=BOB.address)
            assert trio.current_time() - begin < 0.1

    async def test_a_lost_answer_had_its_effect(self, autojump_clock):
        async with open_node() as node:
            request = signed(
                node.ledger, ALICE, lambda tx: tx.transfer(BOB.address, tx.split(GAS, 9))
            )
            node.services.faults.rules = [FaultRule(FaultKind.LOSE, "ExecuteTransaction", times=1)]
            assert await node.refused(EXECUTE, **request) is Status.UNAVAILABLE
            assert balance_of(node.ledger, BOB.address) == 1_000 * MIST_PER_SUI + 9
            assert (await node.ask(EXECUTE, **request)).transaction.effects.status.success
            assert balance_of(node.ledger, BOB.address) == 1_000 * MIST_PER_SUI + 9

    async def test_a_stream_breaks_inside_a_frame(self, autojump_clock):
        async with open_node() as node:
            for n in range(5):
                deposit(node.ledger, ALICE, n + 1)
            node.services.faults.rules = [FaultRule(FaultKind.CUT, "ListEvents", probability=0.4)]
            ends = set()
            for _ in range(20):
                try:
                    ends.add(len(await node.list_events()))
                except GRPCError as error:
                    ends.add(error.status)
            assert ends == {6, Status.UNAVAILABLE}

    async def test_a_refused_cursor(self):
        async with open_node() as node:
            deposit(node.ledger, ALICE, 1)
            cursor = (await node.list_events())[-1].watermark.cursor
            node.services.faults.rules = [FaultRule(FaultKind.REFUSE_CURSOR, times=1)]
            with pytest.raises(GRPCError, match="cursor"):
                await node.list_events(options=pb.QueryOptions(after=cursor))
            await node.list_events(options=pb.QueryOptions(after=cursor))

    @pytest.mark.parametrize(
        "fields",
        [
            {"kind": "meteor"},
            {"kind": "fail", "probability": 2},
            {"kind": "fail", "status": "BAD"},
            {"kind": "latency", "low_ms": 5, "high_ms": 1},
        ],
    )
    def test_an_impossible_rule(self, fields):
        with pytest.raises(ValueError):  # noqa: PT011 - any reason will do
            FaultRule(**fields)


class TestEndpoints:
    async def test_each_endpoint_has_its_own_view_and_faults(self):
        ledger = open_ledger()
        endpoints = SuiEndpoints(ledger, 2, NodeOptions(keep=5))
        endpoints.change({"endpoint": 1, "frozen": True, "without": ["ListEvents"]})
        endpoints.set_faults({"endpoint": 0, "rules": [{"kind": "fail", "rpc": "Get*"}], "seed": 3})
        deposit(ledger, ALICE, 1)
        first, second = endpoints.describe()["endpoints"]
        assert (first["checkpoint"], second["checkpoint"]) == (1, 0)
        assert (first["without"], second["without"]) == ([], ["ListEvents"])
        assert (len(first["faults"]), len(second["faults"])) == (1, 0)
        endpoints.change({"frozen": False, "lag_ms": 40, "prune": 1, "without": []})
        first, second = endpoints.describe()["endpoints"]
        assert first["checkpoint"] == second["checkpoint"] == 1
        assert (second["lag_ms"], second["lowest"], second["without"]) == (40, 1, [])

    async def test_endpoints_show_changes_in_another_order(self):
        """Asked alternately, two nodes that lag in turn make time run backwards."""
        ledger = open_ledger(seal_at_once=False)
        endpoints = SuiEndpoints(ledger, 2)
        first, second = (services.node for services in endpoints.nodes)
        box = first_box(ledger).id
        seen = []
        for ahead, behind in ((0, 1), (1, 0), (0, 1)):
            endpoints.change({"endpoint": ahead, "frozen": False})
            endpoints.change({"endpoint": behind, "frozen": True})
            deposit(ledger, ALICE, 1)
            ledger.seal()
            seen += [node.get_object(box).version for node in (first, second)]
        assert seen[0] > seen[1] < seen[3] > seen[2]
        assert seen[4] > seen[5] == seen[3]
        assert seen != sorted(seen)

    async def test_an_old_node_says_so(self):
        async with open_node() as node:
            node.services.faults.unknown = {"GetBalance"}
            assert await node.refused(BALANCE, owner=BOB.address) is Status.UNIMPLEMENTED

    async def test_an_archive_has_one_service(self):
        endpoints = SuiEndpoints(
            open_ledger(), 1, NodeOptions(without=("StateService", "SubscriptionService"))
        )
        (node,) = endpoints.describe()["endpoints"]
        assert {"GetBalance", "ListOwnedObjects", "SubscribeEvents"} <= set(node["without"])
        assert "ListEvents" not in node["without"]

    @pytest.mark.parametrize(
        "body",
        [
            {"endpoint": 2},
            {"endpoint": "0"},
            {"lag_ms": -1},
            {"lag_ms": 1.5},
            {"without": ["Nothing"]},
            {"colour": 1},
        ],
    )
    def test_nonsense_is_refused(self, body):
        with pytest.raises(ValueError):  # noqa: PT011 - any reason will do
            SuiEndpoints(open_ledger(), 2).change(body)
        with pytest.raises(ValueError):  # noqa: PT011 - any reason will do
            SuiEndpoints(open_ledger(), 1).set_faults({"rules": [{"rpc": "x"}]})
