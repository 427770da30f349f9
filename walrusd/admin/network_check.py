"""Compare a configuration with the market that it names, without keys and without a daemon."""

from walrusd.chain.calls.reads import MarketReader
from walrusd.engine.adapters import open_chain
from walrusd.errors import ConfigError
from walrusd.market.contract_check import verify_contract
from walrusd.runtime.groups import collapsed
from walrusd.services.committee.registrar import check_stake
from walrusd.settings.model import Settings


async def check_on_network(settings: Settings) -> None:
    """Check that the market exists, fits this walrusd, and accepts the configured stake.

    Raises:
        ConfigError: if it would refuse the verifier's seat.
        ChainUnreachable: if no endpoint answers.
        WrongNetwork, ContractMismatch, ContractNotPublished: as ``verify_contract``.
    """
    ids = settings.require_contract()
    with collapsed():
        async with open_chain(settings.sui) as client:
            reader = MarketReader(client, ids.package, ids.market, ids.pools)
            verified = await verify_contract(reader, ids)
            if complaint := check_stake(settings, verified.pools[0]):
                raise ConfigError(
                    f"{settings.path}: {complaint}",
                    hint="raise verifier.max_stake, or leave verifier.auto_register off",
                )
