"""The protocol that the daemon implements for the control interface: one method per RPC method.

The RPC layer validates parameters; the implementation decides and acts. Arguments and results are
JSON values; amounts in params are text such as ``"1.5 SUI"`` or integers of Mist
(:func:`walrusd.settings.parse_amount`), amounts in results integers of Mist in keys that end in
``_mist``. Every method may raise any :class:`~walrusd.errors.WalrusdError`.
"""

from typing import Any, Protocol

Result = dict[str, Any]


class Api(Protocol):
    """The commands that a daemon's owner can give."""

    async def status(self) -> Result:
        """Return the daemon's address and network, its services' health, and its balance."""
        ...

    async def task_publish(self, params: dict[str, Any]) -> Result:
        """Store model and plan, and open a task; return its id, digests, and cost."""
        ...

    async def task_preview(self, params: dict[str, Any]) -> Result:
        """Return what publishing a task would lock, cost and take; nothing is stored or sent."""
        ...

    async def task_list(self) -> Result:
        """Return ``{"tasks": […]}``."""
        ...

    async def task_show(self, task: str) -> Result:
        """Return everything known about a task, and this daemon's part in it."""
        ...

    async def task_estimate(self, task: str) -> Result:
        """Return the estimated cost and pay of a task, and the policy's decision with reasons."""
        ...

    async def task_join(self, task: str) -> Result:
        """Stake on a task even if the policy declines; the balance limits still apply."""
        ...

    async def task_cancel(self, task: str) -> Result:
        """Give up a task of ours before joining closes."""
        ...

    async def task_leave(self, task: str) -> Result:
        """Do not stake on a task; a stake that is already bound stays bound."""
        ...

    async def task_aggregate(self, task: str) -> Result:
        """Verify the published aggregate of a task on this machine."""
        ...

    async def task_costs(self, task: str) -> Result:
        """Return ``{"costs": […]}``: the final loss of each submission and its losses, if open."""
        ...

    async def dataset_add(
        self,
        path: str,
        title: str,
        description: str,
        schema: dict[str, Any] | None = None,
        *,
        raw: bool | None = None,
    ) -> Result:
        """Encrypt, store and list a dataset; return its id.

        ``raw``: the file contains bare rows, whatever its suffix.
        """
        ...

    async def dataset_list(self, *, mine: bool) -> Result:
        """Return ``{"datasets": […]}``."""
        ...

    async def dataset_show(self, dataset: str) -> Result:
        """Return a dataset's listing."""
        ...

    async def dataset_search(self, text: str) -> Result:
        """Return ``{"datasets": […]}`` whose title or description contains every word."""
        ...

    async def keys_pending(self) -> Result:
        """Return ``{"requests": […]}``: key requests that this owner has not answered."""
        ...

    async def keys_list(self) -> Result:
        """Return ``{"requests": […]}``: all key requests to and by this daemon."""
        ...

    async def keys_approve(self, request: str) -> Result:
        """Grant a key request."""
        ...

    async def keys_deny(self, request: str, reason: str) -> Result:
        """Refuse a key request."""
        ...

    async def node_register(self, params: dict[str, Any]) -> Result:
        """Take a seat in a pool of verifiers."""
        ...

    async def node_preview(self, params: dict[str, Any]) -> Result:
        """Return what registering would bind, burn and declare; nothing is sent."""
        ...

    async def node_declare(self, params: dict[str, Any]) -> Result:
        """Say anew what our seat asks for and can do."""
        ...

    async def node_renew(self, params: dict[str, Any]) -> Result:
        """Burn the pool's fee for another life of our seat."""
        ...

    async def node_top_up(self, params: dict[str, Any]) -> Result:
        """Add to our seat's stake what penalties took."""
        ...

    async def node_balance(self) -> Result:
        """Return the address, its balance, and claimable credits."""
        ...

    async def node_stake(self) -> Result:
        """Return our seats with their stakes, and all stakes bound in tasks."""
        ...

    async def node_exit(self, params: dict[str, Any]) -> Result:
        """Leave a pool; the seat's stake unbonds."""
        ...

    async def node_withdraw(self, params: dict[str, Any]) -> Result:
        """Take back a seat's stake after unbonding."""
        ...

    async def why(self, subject: str) -> Result:
        """Return ``{"entries": […]}``: the journal's decisions about an id."""
        ...
