"""Opens the chain in a file, or starts one, and binds our contract to it."""

import base64
import json
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import walrusd
from walrusd.devnet import contract as specification
from walrusd.devnet.ledger.accounts import Seed
from walrusd.devnet.ledger.genesis import start_chain
from walrusd.devnet.ledger.ledger import Ledger
from walrusd.devnet.ledger.store import Store
from walrusd.devnet.move.packages import Contract
from walrusd.errors import ConfigError

DEFAULT_ACCOUNTS = 16
_BYTECODE = Path(walrusd.__file__).parent / "move" / "bytecode" / "package.json"


@cache
def load_contract() -> Contract:
    """Return our contract: the specification, and the digest of the bytecode that it mirrors."""
    built = json.loads(_BYTECODE.read_text(encoding="utf-8"))
    return Contract(
        functions=specification.FUNCTIONS,
        layouts=specification.LAYOUTS,
        not_transferable=specification.NOT_TRANSFERABLE,
        genesis=specification.genesis,
        init=specification.init,
        digest=bytes.fromhex(built["digest"]),
        modules=tuple(base64.b64decode(module) for module in built["modules"]),
        dependencies=tuple(built["dependencies"]),
    )


def read_wall_ms() -> int:
    """Return real time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def open_chain_file(
    path: Path | None,
    *,
    seed: int | None = None,
    accounts: int | None = None,
    contract: Contract | None = None,
    further: Sequence[Contract] = (),
    wall_ms: Callable[[], int] = read_wall_ms,
    seal_at_once: bool = True,
) -> Ledger:
    """Open the chain in a SQLite file (None: in memory), or start one.

    Args:
        path: the file.
        seed: derives everything random of a new chain; None draws one. An existing chain must have
            been made with it.
        accounts: how many accounts a new chain prefunds; an existing one must have as many.
        contract: the package of the chain; ours if None.
        further: other contracts that may be published, or upgraded to.
        wall_ms: the time that the chain's clock follows.
        seal_at_once: as in ``Ledger``.

    Raises:
        ConfigError: if the existing chain has another seed or number of accounts.
    """
    contract = contract or load_contract()
    store = Store(path)
    with ExitStack() as on_error:
        on_error.callback(store.close)
        saved = store.meta("seed")
        if saved is None:
            fresh = Seed(secrets.token_bytes(32)) if seed is None else Seed.from_number(seed)
            count = DEFAULT_ACCOUNTS if accounts is None else accounts
            if count < 1:
                raise ConfigError("a devnet needs at least one account")
            start_chain(store, fresh, contract, accounts=count, now_ms=wall_ms())
        else:
            _check_found(store, saved, path, seed, accounts)
        ledger = Ledger(store, (contract, *further), wall_ms, seal_at_once=seal_at_once)
        on_error.pop_all()
    return ledger


def _check_found(
    store: Store, saved: bytes, path: Path | None, seed: int | None, accounts: int | None
) -> None:
    if seed is not None and saved != Seed.from_number(seed).raw:
        raise ConfigError(
            f"the chain in {path} was not made with seed {seed}",
            hint="leave --seed out, or use another --dir",
        )
    if accounts is not None and (count := read_account_count(store)) != accounts:
        raise ConfigError(
            f"the chain in {path} has {count} accounts, not {accounts}",
            hint="leave --accounts out, or use another --dir",
        )


def read_account_count(store: Store) -> int:
    """Return how many accounts the chain prefunded."""
    return int((store.meta("accounts") or b"0").decode())
