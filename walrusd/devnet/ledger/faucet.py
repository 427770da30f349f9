"""The faucet: an account that holds most of the supply and signs ordinary transactions."""

from walrusd.chain.values.pysui_parts import pb
from walrusd.devnet.ledger.accounts import derive_faucet
from walrusd.devnet.ledger.ledger import Ledger
from walrusd.devnet.move import ptb
from walrusd.devnet.move.ptb import Argument, ArgumentKind
from walrusd.devnet.move.types import SUI_COIN
from walrusd.units import MIST_PER_SUI, Mist, address_bytes, normalize_address

MAX_AMOUNT = Mist(1_000_000 * MIST_PER_SUI)
_BUDGET_UNITS = 20_000


def send_from_faucet(ledger: Ledger, address: str, amount: Mist) -> pb.ExecutedTransaction:
    """Send one new coin of ``amount`` Mist to ``address``.

    Raises:
        ValueError: if the address is malformed, or the amount is not 1 to ``MAX_AMOUNT``.
        TransactionRejectedError: if the faucet is empty.
    """
    to = normalize_address(address)
    if not 1 <= amount <= MAX_AMOUNT:
        raise ValueError(f"the faucet gives 1 to {MAX_AMOUNT} Mist at once, not {amount}")
    faucet = derive_faucet(ledger.seed)
    coins = ledger.list_owned(faucet.address, SUI_COIN)
    coin = max(coins, key=lambda c: c.sui_balance)
    block = ptb.Programmable(
        (ptb.PureInput(amount.to_bytes(8, "little")), ptb.PureInput(address_bytes(to))),
        (
            ptb.SplitCoins(Argument(ArgumentKind.GAS), (Argument(ArgumentKind.INPUT, 0),)),
            ptb.TransferObjects(
                (Argument(ArgumentKind.RESULT, 0),), Argument(ArgumentKind.INPUT, 1)
            ),
        ),
    )
    payment = (ptb.ObjectRef(coin.id, coin.version, coin.digest_bytes),)
    gas = ptb.GasData(payment, faucet.address, ledger.gas_price, _BUDGET_UNITS * ledger.gas_price)
    raw = ptb.TransactionData(block, faucet.address, gas, None).to_bcs()
    return ledger.execute(raw, [faucet.sign(raw)])
