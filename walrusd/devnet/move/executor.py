"""Runs the commands of a programmable transaction on values, as Sui's adapter does.

Pure and synchronous: it takes resolved inputs and a ``MoveContext`` and returns where every object
went. The ledger handles versions, gas and storage.
"""

from walrusd.chain.values.codecs import encode_length
from walrusd.devnet.move import ptb
from walrusd.devnet.move.aborts import ContractDefectError, MoveAbort
from walrusd.devnet.move.calls import EmittedEvent, call_function
from walrusd.devnet.move.context import MAX_U64, Coin, Fate, MoveContext
from walrusd.devnet.move.failures import ArgumentFailure as Arg
from walrusd.devnet.move.failures import ExecutionFailure, FailureKind, fail_argument
from walrusd.devnet.move.framework import UpgradeReceipt, UpgradeTicket, use_ticket
from walrusd.devnet.move.packages import (
    Contract,
    Packages,
    Published,
    UpgradeCap,
    compute_held_sui,
)
from walrusd.devnet.move.types import FRAMEWORK, SUI_COIN
from walrusd.devnet.move.values import Output, PureValue, Slots, StructValue, Value, read_output


class Execution:
    """One run of a transaction's commands.

    Args:
        packages: what may be called.
        context: the Move context, shared by all calls.
        gas: the gas coin, less the budget.
        inputs: one value per input of the transaction.
    """

    def __init__(
        self,
        packages: Packages,
        context: MoveContext,
        gas: StructValue | None,
        inputs: list[Value],
    ) -> None:
        self.packages = packages
        self.context = context
        self.slots = Slots(gas, list(inputs))
        self.events: list[EmittedEvent] = []
        self.outputs: list[list[Output]] = []
        self.published: list[Published] = []
        self._initial = [*inputs, *([gas] if gas else [])]
        self._before = sum(
            compute_held_sui(v.value) for v in self._initial if isinstance(v, StructValue)
        )

    def run(self, commands: tuple[ptb.Command, ...]) -> None:
        """Run every command.

        Raises:
            ExecutionFailure: if the transaction fails: it is undone, but charged for.
            ContractDefectError: if a contract function broke Move's rules.
        """
        for number, command in enumerate(commands):
            try:
                results = self._run(command)
            except MoveAbort as e:
                failure = ExecutionFailure(FailureKind.MOVE_ABORT, abort=e)
                failure.command = number
                raise failure from e
            except ExecutionFailure as e:
                e.command = number
                raise
            self.slots.results.append(results)
            self.outputs.append([read_output(value) for value in results if value is not None])
        self._check_unused()
        self._check_conserved()

    def _run(self, command: ptb.Command) -> list[Value | None]:
        if isinstance(command, ptb.MoveCall):
            results, events = call_function(self.packages, self.context, self.slots, command)
            self.events += events
            return list(results)
        if isinstance(command, ptb.SplitCoins):
            return self._split(command)
        if isinstance(command, ptb.MergeCoins):
            return self._merge(command)
        if isinstance(command, ptb.TransferObjects):
            return self._transfer(command)
        if isinstance(command, ptb.MakeMoveVec):
            return self._make_vector(command)
        if isinstance(command, ptb.Publish | ptb.Upgrade):
            contract = self.packages.find_contract(command.modules, command.dependencies)
            if contract is not None and isinstance(command, ptb.Publish):
                return self._publish(contract)
            if contract is not None and isinstance(command, ptb.Upgrade):
                return self._upgrade(command, contract)
        raise ExecutionFailure(FailureKind.VM_VERIFICATION_OR_DESERIALIZATION_ERROR)

    def _coin(self, found: Value, number: int) -> Coin:
        if not isinstance(found, StructValue) or not isinstance(found.value, Coin):
            raise fail_argument(number, Arg.TYPE_MISMATCH)
        return found.value

    def _split(self, command: ptb.SplitCoins) -> list[Value | None]:
        coin = self._coin(self.slots.borrow_mut(command.coin, 0), 0)
        out: list[Value | None] = []
        for number, argument in enumerate(command.amounts, start=1):
            amount = self.slots.read_pure(argument, number, "u64")
            if coin.balance < amount:
                raise ExecutionFailure(FailureKind.INSUFFICIENT_COIN_BALANCE)
            coin.balance -= amount
            out.append(StructValue(SUI_COIN, Coin(self.context.fresh_id(), amount)))
        return out

    def _merge(self, command: ptb.MergeCoins) -> list[Value | None]:
        into = self._coin(self.slots.borrow_mut(command.into, 0), 0)
        for number, argument in enumerate(command.coins, start=1):
            coin = self._coin(self.slots.move(argument, number), number)
            if coin is into:
                raise fail_argument(number, Arg.INVALID_VALUE_USAGE)
            if into.balance + coin.balance > MAX_U64:
                raise ExecutionFailure(FailureKind.COIN_BALANCE_OVERFLOW)
            into.balance += coin.balance
            self.context.delete(coin)
        return []

    def _transfer(self, command: ptb.TransferObjects) -> list[Value | None]:
        to = self.slots.read_pure(command.address, len(command.objects), "address")
        for number, argument in enumerate(command.objects):
            found = self.slots.move(argument, number, gas=True)
            if not isinstance(found, StructValue) or not found.is_object:
                raise fail_argument(number, Arg.TYPE_MISMATCH)
            package = found.type.partition("::")[0]
            if not self.packages.is_transferable(package, type(found.value)):
                raise fail_argument(number, Arg.INVALID_TRANSFER_OBJECT)
            self.context.package = package
            self.context.transfer(found.value, to)
        return []

    def _make_vector(self, command: ptb.MakeMoveVec) -> list[Value | None]:
        if command.element_type is None:
            raise ExecutionFailure(FailureKind.VM_VERIFICATION_OR_DESERIALIZATION_ERROR)
        raw = encode_length(len(command.elements))
        for number, argument in enumerate(command.elements):
            self.slots.read_pure(argument, number, command.element_type)
            found = self.slots.read(argument, number)
            assert isinstance(found, PureValue)
            raw += found.raw
        return [PureValue(raw, f"vector<{command.element_type}>")]

    def _publish(self, contract: Contract) -> list[Value | None]:
        """Publish a contract as a new package."""
        context = self.context
        package_id = context.fresh_id()
        self.published.append(Published(package_id, package_id, 1, contract))
        context.package, before = package_id, len(context.events)
        contract.init(context)
        for event in context.events[before:]:
            self.events.append(EmittedEvent(package_id, event.MODULE, event))
        cap = UpgradeCap(context.fresh_id(), package_id, 1, 0)
        return [StructValue(self.packages.type_of(package_id, UpgradeCap), cap)]

    def _upgrade(self, command: ptb.Upgrade, contract: Contract) -> list[Value | None]:
        """Publish a further version of a package."""
        found = self.slots.move(command.ticket, 0)
        if not isinstance(found, StructValue) or not isinstance(found.value, UpgradeTicket):
            raise fail_argument(0, Arg.TYPE_MISMATCH)
        package_id = self.context.fresh_id()
        upgraded, receipt = use_ticket(self.packages, command, contract, found.value, package_id)
        self.published.append(upgraded)
        return [StructValue(self.packages.type_of(FRAMEWORK, UpgradeReceipt), receipt)]

    def _check_unused(self) -> None:
        for result, row in enumerate(self.slots.results):
            for sub, found in enumerate(row):
                if isinstance(found, StructValue) and (
                    found.is_object or not getattr(found.value, "DROP", True)
                ):
                    raise ExecutionFailure(
                        FailureKind.UNUSED_VALUE_WITHOUT_DROP, index=(result, sub)
                    )

    def _check_conserved(self) -> None:
        """Check that every Mist that went in came out, in a coin or in a ``Balance`` field."""
        after = sum(compute_held_sui(v.value) for v in self.remaining())
        after += sum(
            compute_held_sui(p.value)
            for p in self.context.placements.values()
            if p.fate not in (Fate.DELETED, Fate.WRAPPED)
        )
        if after != self._before:
            raise ContractDefectError(f"{self._before} Mist went in and {after} came out")

    def initial(self) -> list[StructValue]:
        """Return the inputs and the gas coin as they were given."""
        return [v for v in self._initial if isinstance(v, StructValue)]

    def remaining(self) -> list[StructValue]:
        """Return the inputs that are still in place, changed or not."""
        found = [*self.slots.inputs, self.slots.gas]
        return [v for v in found if isinstance(v, StructValue)]
