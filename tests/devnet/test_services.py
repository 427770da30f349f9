"""sui.rpc.v2 over in-memory streams under a virtual clock."""

from contextlib import asynccontextmanager

import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb
import pytest
import trio
import trio.testing
from pysui.sui.sui_grpc.suimsgs.google.protobuf import FieldMask

from walrusd.chain.grpc import GRPCError, GrpcMethod, Status, open_channel, serve_connection
from walrusd.devnet.ledger.genesis import compute_package_id
from walrusd.devnet.move.objects import to_base58
from walrusd.devnet.move.types import SUI, SUI_COIN
from walrusd.devnet.rpc.replica import Replica
from walrusd.devnet.rpc.sui_events import EventService
from walrusd.devnet.rpc.sui_services import build_sui_services
from walrusd.units import MIST_PER_SUI

from .tools import GAS, Tx, accounts, coins_of, find, open_ledger

ALICE, BOB, _ = accounts()
REASONS = pb.QueryEndReason


def method(service, name, request, reply):
    return GrpcMethod(f"/sui.rpc.v2.{service}/{name}", request, reply)


LIST_EVENTS = method("LedgerService", "ListEvents", pb.ListEventsRequest, pb.ListEventsResponse)
SUBSCRIBE = method(
    "SubscriptionService", "SubscribeEvents", pb.SubscribeEventsRequest, pb.SubscribeEventsResponse
)


class Node:
    """Calls by name: the message types follow from it."""

    def __init__(self, channel, ledger, services):
        self.channel, self.ledger, self.services = channel, ledger, services

    async def ask(self, route, **fields):
        service, name = route.split("/")
        request, reply = getattr(pb, f"{name}Request"), getattr(pb, f"{name}Response")
        if "mask" in fields:
            fields["read_mask"] = FieldMask(fields.pop("mask").split())
        return await self.channel.unary(method(service, name, request, reply), request(**fields))

    async def list_events(self, **fields):
        async with self.channel.stream(LIST_EVENTS, pb.ListEventsRequest(**fields)) as stream:
            return [frame async for frame in stream]

    async def refused(self, route, **fields):
        with pytest.raises(GRPCError) as caught:
            await self.ask(route, **fields)
        return caught.value.status


@asynccontextmanager
async def open_node(**options):
    ledger = open_ledger(**options)
    services = build_sui_services(ledger, heartbeat=5.0)
    async with trio.open_nursery() as nursery:

        async def dial():
            await trio.lowlevel.checkpoint()
            ours, theirs = trio.testing.memory_stream_pair()
            nursery.start_soon(serve_connection, theirs, services.table)
            return ours

        async with open_channel("http://devnet", connect=dial, keepalive=None) as channel:
            yield Node(channel, ledger, services)
        nursery.cancel_scope.cancel()


@pytest.fixture
async def node():
    async with open_node() as opened:
        yield opened


def first_box(ledger):
    return min(find(ledger, "Box"), key=lambda b: b.version)


def deposit(ledger, account, *amounts):
    """Execute one transaction with one deposit event per amount."""
    tx = Tx(ledger)
    box, clock = tx.obj(first_box(ledger).id), tx.clock
    for amount in amounts:
        tx.call("deposit", box, tx.split(GAS, amount), clock)
    return tx.send(account)


class TestReads:
    async def test_service_info(self, node):
        deposit(node.ledger, ALICE, 1)
        info = await node.ask("LedgerService/GetServiceInfo")
        assert info.chain_id == node.ledger.chain_id
        assert info.checkpoint_height == 1
        assert info.lowest_available_checkpoint == 0

    async def test_epochs(self, node):
        node.ledger.advance_epoch()
        now = await node.ask("LedgerService/GetEpoch", mask="epoch reference_gas_price start end")
        assert (now.epoch.epoch, now.epoch.reference_gas_price) == (1, 1000)
        assert now.epoch.end is None
        past = await node.ask("LedgerService/GetEpoch", epoch=0, mask="*")
        assert past.epoch.end == now.epoch.start
        assert past.epoch.last_checkpoint is not None
        only = await node.ask("LedgerService/GetEpoch")
        assert only.epoch == pb.Epoch(epoch=1)
        unknown = await node.ask("LedgerService/GetEpoch", epoch=2, mask="*")
        assert unknown.epoch == pb.Epoch(epoch=2)

    async def test_an_object_with_and_without_a_mask(self, node):
        box = first_box(node.ledger)
        short = (await node.ask("LedgerService/GetObject", object_id=box.id)).object
        assert short == pb.Object(object_id=box.id, version=box.version, digest=box.digest)
        full = (await node.ask("LedgerService/GetObject", object_id=box.id, mask="*")).object
        assert full.object_type == box.type
        assert full.contents.value == box.contents
        assert full.owner.kind is pb.OwnerOwnerKind.SHARED
        assert full.json.struct_value.fields["funds"].string_value == "0"
        part = await node.ask(
            "LedgerService/GetObject", object_id=box.id, mask="owner.kind json.funds"
        )
        assert part.object.owner == pb.Owner(kind=pb.OwnerOwnerKind.SHARED)
        assert part.object.object_id is None
        status = await node.refused("LedgerService/GetObject", object_id=box.id, mask="colour")
        assert status is Status.INVALID_ARGUMENT
        status = await node.refused(
            "LedgerService/GetObject", object_id=box.id, mask="version.colour"
        )
        assert status is Status.INVALID_ARGUMENT

    async def test_old_versions_and_missing_objects(self, node):
        box = first_box(node.ledger)
        deposit(node.ledger, ALICE, 1)
        old = await node.ask(
            "LedgerService/GetObject", object_id=box.id, version=box.version, mask="*"
        )
        assert old.object.digest == box.digest
        for bad in ({"object_id": "0x123"}, {"object_id": box.id, "version": 999}):
            assert await node.refused("LedgerService/GetObject", **bad) is Status.NOT_FOUND
        status = await node.refused("LedgerService/GetObject", object_id="moon")
        assert status is Status.INVALID_ARGUMENT

    async def test_a_batch_has_errors_in_place(self, node):
        box = first_box(node.ledger)
        found = await node.ask(
            "LedgerService/BatchGetObjects",
            requests=[pb.GetObjectRequest(object_id=i) for i in (box.id, "0x123")],
            mask="object_id",
        )
        good, bad = found.objects
        assert good.object.object_id == box.id
        assert bad.error.code == Status.NOT_FOUND.value

    async def test_owned_objects_come_in_pages(self, node):
        seen, token = [], None
        while True:
            page = await node.ask(
                "StateService/ListOwnedObjects",
                owner=ALICE.address,
                object_type="0x2::coin::Coin",
                page_size=3,
                page_token=token,
                mask="object_id balance",
            )
            seen += page.objects
            token = page.next_page_token
            if not token:
                break
        assert {o.object_id for o in seen} == {
            o.id for o in node.ledger.list_owned(ALICE.address, SUI_COIN)
        }
        assert sum(o.balance for o in seen) == 1_000 * MIST_PER_SUI

    async def test_balance(self, node):
        balance = await node.ask(
            "StateService/GetBalance", owner=ALICE.address, coin_type="0x2::sui::SUI"
        )
        assert balance.balance.balance == 1_000 * MIST_PER_SUI
        assert balance.balance.coin_type == SUI
        nothing = await node.ask("StateService/GetBalance", owner="0x5", coin_type=SUI)
        assert nothing.balance.balance == 0

    async def test_functions_and_packages(self, node):
        package = compute_package_id(node.ledger.seed)
        found = await node.ask(
            "MovePackageService/GetFunction", package_id=package, module_name="box", name="withdraw"
        )
        box, key, amount, context = found.function.parameters
        assert box.reference is pb.OpenSignatureReference.MUTABLE
        assert box.body.type_name == f"{package}::box::Box"
        assert key.reference is pb.OpenSignatureReference.IMMUTABLE
        assert amount.body.type is pb.OpenSignatureBodyType.U64
        assert context.body.type_name.endswith("::tx_context::TxContext")
        shown = (await node.ask("MovePackageService/GetPackage", package_id=package)).package
        assert {m.name for m in shown.modules} == {"box", "events"}
        versions = await node.ask("MovePackageService/ListPackageVersions", package_id=package)
        assert [v.package_id for v in versions.versions] == [package]
        status = await node.refused(
            "MovePackageService/GetFunction", package_id=package, module_name="box", name="x"
        )
        assert status is Status.NOT_FOUND

    async def test_checkpoints_hold_transactions(self, node):
        executed = deposit(node.ledger, ALICE, 1)
        last = await node.ask("LedgerService/GetCheckpoint", mask="*")
        assert last.checkpoint.sequence_number == 1
        assert [t.digest for t in last.checkpoint.transactions] == [executed.digest]
        assert last.checkpoint.summary.previous_digest == node.ledger.chain_id
        by_digest = await node.ask("LedgerService/GetCheckpoint", digest=last.checkpoint.digest)
        assert by_digest.checkpoint.sequence_number == 1
        genesis = await node.ask("LedgerService/GetCheckpoint", sequence_number=0, mask="*")
        assert genesis.checkpoint.digest == node.ledger.chain_id
        status = await node.refused("LedgerService/GetCheckpoint", sequence_number=2)
        assert status is Status.NOT_FOUND

    async def test_unknown_methods_are_said_to_be(self, node):
        status = await node.refused("NameService/LookupName", name="a.sui")
        assert status is Status.UNIMPLEMENTED


def signed(ledger, account, build, **changes):
    tx = Tx(ledger)
    build(tx)
    raw = tx.data(account.address, coins_of(ledger, account.address)[:1], **changes).to_bcs()
    return {
        "transaction": pb.Transaction(bcs=pb.Bcs(value=raw)),
        "signatures": [pb.UserSignature(bcs=pb.Bcs(value=account.sign(raw)))],
    }


EXECUTE = "TransactionExecutionService/ExecuteTransaction"
SIMULATE = "TransactionExecutionService/SimulateTransaction"


class TestExecution:
    async def test_execute_then_find(self, node):
        request = signed(node.ledger, ALICE, lambda tx: tx.transfer(BOB.address, tx.split(GAS, 1)))
        short = (await node.ask(EXECUTE, **request)).transaction
        assert short.effects.status.success
        assert short.digest is None
        full = (await node.ask(EXECUTE, **request, mask="*")).transaction
        assert full.checkpoint is None
        assert {o.object_id for o in full.objects.objects} == {
            c.object_id for c in full.effects.changed_objects
        }
        found = (
            await node.ask("LedgerService/GetTransaction", digest=full.digest, mask="*")
        ).transaction
        assert found.checkpoint == 1
        assert found.effects == full.effects
        assert found.signatures == full.signatures
        status = await node.refused("LedgerService/GetTransaction", digest=to_base58(bytes(32)))
        assert status is Status.NOT_FOUND

    async def test_refusals_are_invalid_arguments(self, node):
        request = signed(node.ledger, ALICE, lambda tx: tx.transfer(BOB.address, tx.split(GAS, 1)))
        request["signatures"] = []
        assert await node.refused(EXECUTE, **request) is Status.INVALID_ARGUMENT
        assert await node.refused(EXECUTE) is Status.INVALID_ARGUMENT

    async def test_a_defect_of_the_contract_is_internal(self, node):
        box = first_box(node.ledger).id
        request = signed(node.ledger, ALICE, lambda tx: tx.call("forge", tx.obj(box)))
        assert await node.refused(EXECUTE, **request) is Status.INTERNAL

    async def test_simulation_resolves_and_pays(self, node):
        arguments = pb.Argument
        kinds = pb.ArgumentArgumentKind
        transaction = pb.Transaction(
            sender=ALICE.address,
            kind=pb.TransactionKind(
                kind=pb.TransactionKindKind.PROGRAMMABLE_TRANSACTION,
                programmable_transaction=pb.ProgrammableTransaction(
                    inputs=[pb.Input(object_id=first_box(node.ledger).id)],
                    commands=[
                        pb.Command(
                            move_call=pb.MoveCall(
                                package=compute_package_id(node.ledger.seed),
                                module="box",
                                function="read",
                                arguments=[arguments(kind=kinds.INPUT, input=0)],
                            )
                        )
                    ],
                ),
            ),
        )
        reply = await node.ask(SIMULATE, transaction=transaction, do_gas_selection=True, mask="*")
        done = reply.transaction
        assert done.effects.status.success
        (shared,) = done.transaction.kind.programmable_transaction.inputs
        assert shared.mutable is False
        assert done.transaction.gas_payment.budget > 0
        assert len(done.transaction.gas_payment.objects) == 4
        funds, owner = reply.command_outputs[0].return_values
        assert (funds.value.name, funds.value.value) == ("u64", bytes(8))
        assert owner.value.value.hex() == ALICE.address[2:]

    async def test_simulation_of_signed_bytes_shows_the_abort(self, node):
        box = first_box(node.ledger).id
        request = signed(
            node.ledger,
            ALICE,
            lambda tx: tx.call("deposit", tx.obj(box), tx.split(GAS, 0), tx.clock),
        )
        reply = await node.ask(SIMULATE, transaction=request["transaction"])
        assert reply.transaction.effects.status.error.abort.abort_code == 1
        assert node.ledger.gas_collected == 0


class TestListEvents:
    async def test_from_genesis_to_the_tip(self, node):
        deposit(node.ledger, ALICE, 1, 2)
        deposit(node.ledger, BOB, 3)
        *frames, end = await node.list_events()
        assert [int(f.event.json.struct_value.fields["amount"].string_value) for f in frames] == [
            1,
            2,
            3,
        ]
        assert [(f.event.checkpoint, f.event.event_index) for f in frames] == [
            (1, 0),
            (1, 1),
            (2, 0),
        ]
        assert [f.watermark.checkpoint for f in frames] == [0, 0, 1]
        assert end.event is None
        assert end.end.reason is REASONS.LEDGER_TIP
        assert end.watermark.checkpoint == 2

    async def test_pages_by_cursor_lose_and_double_nothing(self, node):
        for n in range(7):
            deposit(node.ledger, ALICE, n + 1, n + 2)
        whole = [f.event for f in await node.list_events() if f.event]
        assert len(whole) == 14
        seen, cursor = [], None
        while True:
            frames = await node.list_events(options=pb.QueryOptions(limit=3, after=cursor))
            seen += [f.event for f in frames if f.event]
            cursor = frames[-1].watermark.cursor
            if frames[-1].end.reason is REASONS.LEDGER_TIP:
                break
            assert frames[-1].end.reason is REASONS.ITEM_LIMIT
            assert frames[-1].event is not None
        assert seen == whole
        (quiet,) = await node.list_events(options=pb.QueryOptions(after=cursor))
        assert quiet.end.reason is REASONS.LEDGER_TIP
        deposit(node.ledger, BOB, 99)
        fresh = await node.list_events(options=pb.QueryOptions(after=quiet.watermark.cursor))
        assert len(fresh) == 2

    async def test_checkpoint_and_cursor_bounds(self, node):
        for n in range(5):
            deposit(node.ledger, ALICE, n + 1)
        *frames, end = await node.list_events(start_checkpoint=2, end_checkpoint=4)
        assert [f.event.checkpoint for f in frames] == [2, 3]
        assert [f.watermark.checkpoint for f in frames] == [None, 2]
        assert end.end.reason is REASONS.CHECKPOINT_BOUND
        assert end.watermark.checkpoint == 3
        before = frames[1].watermark.cursor
        *frames, end = await node.list_events(options=pb.QueryOptions(before=before))
        assert [f.event.checkpoint for f in frames] == [1, 2]
        assert end.end.reason is REASONS.CURSOR_BOUND

    async def test_descending(self, node):
        for n in range(5):
            deposit(node.ledger, ALICE, n + 1)
        options = pb.QueryOptions(ordering=pb.Ordering.DESCENDING, limit=2)
        frames = await node.list_events(options=options)
        assert [f.event.checkpoint for f in frames] == [5, 4]
        assert frames[-1].end.reason is REASONS.ITEM_LIMIT
        options.before = frames[-1].watermark.cursor
        options.limit = 50
        *frames, end = await node.list_events(options=options)
        assert [f.event.checkpoint for f in frames] == [3, 2, 1]
        assert end.end.reason is REASONS.CHECKPOINT_BOUND

    async def test_filters(self, node):
        package = compute_package_id(node.ledger.seed)
        deposit(node.ledger, ALICE, 1)
        tx = Tx(node.ledger)
        tx.call("toss", tx.random)
        tx.send(BOB)

        async def count(*literals):
            terms = [pb.EventTerm(literals=list(literals))]
            frames = await node.list_events(filter=pb.EventFilter(terms=terms))
            return sum(f.event is not None for f in frames)

        def of_type(text, **more):
            return pb.EventLiteral(event_type=pb.EventTypeFilter(event_type=text), **more)

        sender = pb.EventLiteral(sender=pb.SenderFilter(address=BOB.address))
        assert await count(of_type(package)) == 2
        assert await count(of_type(f"{package}::events")) == 2
        assert await count(of_type(f"{package}::events::Tossed")) == 1
        assert await count(of_type(f"{package}::events::Tossed", negated=True)) == 1
        assert await count(of_type("0x2")) == 0
        assert await count(sender) == 1
        assert await count(sender, of_type(f"{package}::events::Deposited")) == 0
        module = pb.EmitModuleFilter(module=f"{package}::box")
        assert await count(pb.EventLiteral(emit_module=module)) == 2

    async def test_bad_cursors_are_refused(self, node):
        for cursor in (b"moon", bytes(8) + b"\1" * 4 + b"x"):
            with pytest.raises(GRPCError) as caught:
                await node.list_events(options=pb.QueryOptions(after=cursor))
            assert caught.value.status is Status.INVALID_ARGUMENT

    async def test_impossible_questions_are_refused(self, node):
        for question in (
            {"filter": pb.EventFilter()},
            {"start_checkpoint": 3, "end_checkpoint": 2},
        ):
            with pytest.raises(GRPCError) as caught:
                await node.list_events(**question)
            assert caught.value.status is Status.INVALID_ARGUMENT

    async def test_beyond_its_tip_a_node_gives_the_place_of_its_tip(self, node):
        deposit(node.ledger, ALICE, 1)
        *_, end = await node.list_events()
        for question in (
            {"options": pb.QueryOptions(after=b"\1" * 12)},
            {"start_checkpoint": 9},
        ):
            (beyond,) = await node.list_events(**question)
            assert beyond.end.reason is REASONS.LEDGER_TIP
            assert beyond.watermark == pb.Watermark(cursor=end.watermark.cursor)

    async def test_a_long_filtered_scan_ends_early(self):
        ledger = open_ledger()
        for n in range(5):
            deposit(ledger, ALICE, n + 1)
        service = EventService(Replica(ledger), scan_limit=2)
        nobody = pb.EventLiteral(sender=pb.SenderFilter(address="0x9"))
        request = pb.ListEventsRequest(
            filter=pb.EventFilter(terms=[pb.EventTerm(literals=[nobody])])
        )
        (frame,) = [f async for f in service.list_events(request)]
        assert frame.end.reason is REASONS.SCAN_LIMIT
        assert frame.event is None
        request.options = pb.QueryOptions(after=frame.watermark.cursor)
        (frame,) = [f async for f in service.list_events(request)]
        assert frame.watermark.checkpoint == 3

    async def test_events_wait_for_their_checkpoint(self):
        async with open_node(seal_at_once=False) as node:
            deposit(node.ledger, ALICE, 1)
            assert len(await node.list_events()) == 1
            node.ledger.seal()
            assert len(await node.list_events()) == 2


class TestSubscribe:
    async def test_new_events_then_silence(self, node, autojump_clock):
        deposit(node.ledger, ALICE, 1)
        request = pb.SubscribeEventsRequest(read_mask=FieldMask(["event_type", "checkpoint"]))
        async with node.channel.stream(SUBSCRIBE, request) as stream:
            first = await stream.recv_message()
            assert first.event is None
            assert first.watermark.checkpoint == 1
            deposit(node.ledger, ALICE, 2, 3)
            frames = [await stream.recv_message() for _ in range(3)]
            assert [f.event.checkpoint if f.event else None for f in frames] == [2, 2, None]
            assert frames[0].event.contents is None
            assert frames[2].watermark.checkpoint == 2
            before = trio.current_time()
            beat = await stream.recv_message()
            assert beat.event is None
            assert trio.current_time() - before == pytest.approx(5.0, abs=0.1)
            assert node.services.events.subscribers == 1
        for _ in range(50):
            await trio.testing.wait_all_tasks_blocked()
            if not node.services.events.subscribers:
                break
        assert node.services.events.subscribers == 0
        assert node.services.node.listeners == []

    async def test_a_slow_reader_misses_nothing(self, node):
        async with node.channel.stream(SUBSCRIBE, pb.SubscribeEventsRequest()) as stream:
            await stream.recv_message()
            for n in range(30):
                deposit(node.ledger, ALICE, n + 1)
            seen = []
            while len(seen) < 30:
                frame = await stream.recv_message()
                if frame.event:
                    seen.append(frame.event.checkpoint)
            assert seen == list(range(1, 31))
