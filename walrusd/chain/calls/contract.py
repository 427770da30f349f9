"""The contract as one object: typed reads, and its entry points as methods.

``once`` names an action ("open_task:…"). The Sender journals it: repeating an action after a crash
returns the first transaction instead of sending a second. Objects that a transaction touched are
read again afterwards, as soon as the node shows the transaction.

Every call raises as ``Sender.submit_once`` does, and ``ObjectUnreadable``, ``ObjectNotFound`` or
``NotAllowed`` for an object or a capability that it needs. A call that is cancelled may have been
executed; calling it again settles that first.
"""

from walrusd.chain.calls.audit import AuditCalls
from walrusd.chain.calls.committee import CommitteeCalls
from walrusd.chain.calls.dataset import DatasetCalls
from walrusd.chain.calls.delivery import DeliveryCalls
from walrusd.chain.calls.jury import JuryCalls
from walrusd.chain.calls.node import NodeCalls
from walrusd.chain.calls.submission import SubmissionCalls
from walrusd.chain.calls.task import TaskCalls


class ContractClient(
    NodeCalls,
    TaskCalls,
    SubmissionCalls,
    DeliveryCalls,
    CommitteeCalls,
    JuryCalls,
    AuditCalls,
    DatasetCalls,
):
    """Reads and writes of one market, as one address."""
