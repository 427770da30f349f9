"""A run as the ``ExecutedTransaction`` that nodes return, and its events."""

from walrusd.chain.values.pysui_parts import pb
from walrusd.devnet.ledger.effects import build_effects
from walrusd.devnet.ledger.messages import balance_changes, encode_events, event_message
from walrusd.devnet.ledger.run import TransactionRun
from walrusd.devnet.ledger.store import StoredEvent
from walrusd.devnet.move import ptb
from walrusd.devnet.move.objects import blake2b256, to_base58


def failed_package(run: TransactionRun, data: ptb.TransactionData) -> str:
    """Return the package of the command that failed, for the location of an abort."""
    if run.failure is None or run.failure.command is None:
        return ""
    command = data.programmable.commands[run.failure.command]
    return command.package if isinstance(command, ptb.MoveCall) else ""


def describe_run(
    run: TransactionRun, transaction: pb.Transaction, digest: bytes, epoch: int, package: str
) -> pb.ExecutedTransaction:
    """Return a run as an ``ExecutedTransaction`` without signatures, objects and checkpoint."""
    sender = transaction.sender or "0x0"
    events = [event_message(e, sender) for e in run.events]
    events_bcs = encode_events(events)
    events_digest = blake2b256(b"TransactionEvents::" + events_bcs) if events else None
    effects = build_effects(run, digest, epoch, events_digest, package)
    out = pb.ExecutedTransaction(
        digest=to_base58(digest),
        transaction=transaction,
        effects=effects.message,
        balance_changes=balance_changes(run),
    )
    if events_digest is not None:
        out.events = pb.TransactionEvents(
            bcs=pb.Bcs(name="TransactionEvents", value=events_bcs),
            digest=to_base58(events_digest),
            events=events,
        )
    return out


def place_event(stored: StoredEvent) -> pb.Event:
    """Return a stored event with its position in the ledger."""
    event = pb.Event.FromString(stored.event)
    event.checkpoint = stored.checkpoint
    event.transaction_digest = to_base58(stored.digest)
    event.transaction_index = stored.transaction_position
    event.event_index = stored.position
    return event
