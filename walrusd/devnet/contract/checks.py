"""What every call about a submission compares first: versions, market, pool, task."""

from walrusd.chain.layouts.objects import Market, Submission, Task, VerifierPool
from walrusd.devnet.contract.market import check_market, check_pool, check_versions
from walrusd.devnet.contract.task import check_belongs


def check_submission(market: Market, task: Task, submission: Submission) -> None:
    """Abort for another version or market, and for a submission to another task."""
    check_versions(market, task, submission)
    check_market(market, task, submission)
    check_belongs(task, submission)


def check_case(market: Market, task: Task, pool: VerifierPool, submission: Submission) -> None:
    """Abort as ``check_submission``, and for another pool than theirs."""
    check_versions(market, task, pool, submission)
    check_market(market, task, pool, submission)
    check_pool(pool, task, submission)
    check_belongs(task, submission)
