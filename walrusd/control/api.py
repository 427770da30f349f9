"""The owner's commands, grouped by subject, under the names of ``rpc.api.Api``."""

from walrusd.control.daemon_commands import DaemonCommands
from walrusd.control.dataset_commands import DatasetCommands
from walrusd.control.key_commands import KeyCommands
from walrusd.control.node_commands import NodeCommands
from walrusd.control.task_commands import TaskCommands


class DaemonApi:
    """Implements ``rpc.api.Api``. It decides nothing: each method is a command of one subject."""

    def __init__(
        self,
        *,
        daemon: DaemonCommands,
        tasks: TaskCommands,
        datasets: DatasetCommands,
        keys: KeyCommands,
        node: NodeCommands,
    ) -> None:
        self.status = daemon.status
        self.why = daemon.why

        self.task_publish = tasks.publish
        self.task_preview = tasks.preview
        self.task_list = tasks.list_all
        self.task_show = tasks.show
        self.task_estimate = tasks.estimate
        self.task_join = tasks.join
        self.task_cancel = tasks.cancel
        self.task_leave = tasks.leave
        self.task_aggregate = tasks.check_aggregate
        self.task_costs = tasks.show_costs

        self.dataset_add = datasets.add
        self.dataset_list = datasets.list_all
        self.dataset_show = datasets.show
        self.dataset_search = datasets.search

        self.keys_pending = keys.list_pending
        self.keys_list = keys.list_all
        self.keys_approve = keys.approve
        self.keys_deny = keys.deny

        self.node_register = node.register
        self.node_preview = node.preview
        self.node_declare = node.declare
        self.node_renew = node.renew
        self.node_top_up = node.top_up
        self.node_balance = node.show_balance
        self.node_stake = node.show_stake
        self.node_exit = node.begin_exit
        self.node_withdraw = node.withdraw
