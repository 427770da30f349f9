"""What being late with a commitment or an opening costs, said when it happens.

The contract takes it when the submission ends. Nothing is lost by sending late rather than never:
the fee grows with every moment of the grace, and stops there.
"""

from walrusd.chain.layouts.objects import Terms
from walrusd.core.deposits import compute_late_fee
from walrusd.durations import format_duration
from walrusd.engine.tools import Tools
from walrusd.market.case import Case
from walrusd.units import Mist, format_sui

LATE = {
    "commit": "the training window was over before the commitment was sent",
    "open": "the opening window is over, and the committee cannot read yet",
}
"""By what is late: why it is."""


def compute_due_ms(case: Case, what: str) -> int:
    """Return until when a commitment (``commit``) or an opening (``open``) costs no late fee."""
    if what == "commit":
        return case.task.phase_ms + case.task.terms.train_ms
    return case.submission.window_ms + case.task.terms.open_ms


def compute_new_fee(terms: Terms, owed: int, due_ms: int, now_ms: int) -> Mist:
    """Return the Mist that acting now adds to the late fees that are ``owed``."""
    total = compute_late_fee(
        stake=terms.stake,
        late_fee=terms.late_fee,
        grace_ms=terms.grace_ms,
        owed=owed,
        deadline_ms=due_ms,
        now_ms=now_ms,
    )
    return Mist(total - owed)


def note_lateness(tools: Tools, service: str, case: Case, what: str) -> None:
    """Journal once that something is late, with what it costs about now; nothing if it is not."""
    due_ms, now_ms, name = compute_due_ms(case, what), tools.clock.now_ms(), case.submission.id
    told: list[str] = tools.records.get("late", name) or []
    mark = f"{what}:{case.submission.attempt}"
    if now_ms < due_ms or mark in told:
        return
    fee = compute_new_fee(case.task.terms, case.submission.late_fee, due_ms, now_ms)
    late = format_duration((now_ms - due_ms) // 1000 * 1000)
    with tools.database.transaction():
        tools.records.put("late", name, [*told, mark])
        reason = f"{LATE[what]}: {late} late, which costs {format_sui(fee)}"
        tools.journal.record(name, service, "late", reason, late_fee=fee)
