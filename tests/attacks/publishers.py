"""Publishers and dataset owners with a malicious part."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.attacks.plug import exchange, meddle
from tests.support.market.world import Peer
from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.ptb import Ptb
from walrusd.compose import BuildParts, Parts, build_parts
from walrusd.core.aggregate import Aggregate
from walrusd.core.lifecycle import KeyScope
from walrusd.core.protocol import PROGRAM_ROOT
from walrusd.crypto.envelope import derive_public_key, seal_key
from walrusd.engine.tools import Tools
from walrusd.errors import MoveAborted
from walrusd.market.aggregate import find_part_bits, read_accepted
from walrusd.market.keys import make_grant_info
from walrusd.services.data_owner.key_grantor import KeyGrantor
from walrusd.services.data_owner.listings import Listings
from walrusd.services.publisher.aggregator import Aggregator
from walrusd.services.publisher.publisher import Publisher
from walrusd.units import address_bytes


def publish_by(make: Callable[[Tools, Parts], Publisher]) -> BuildParts:
    """Return what builds a daemon whose owner publishes through another service."""

    def build(tools: Tools) -> Parts:
        usual = build_parts(tools)
        return exchange(usual, publisher=make(tools, usual))

    return build


class WrongSum(Publisher):
    """Publishes a sum that has a little more of something in it."""

    async def _aggregate(self, task: ob.Task) -> None:
        accepted = await read_accepted(self.tools, task)
        summed = await Aggregator(self.tools, self._fetcher, self.name).sum(task, accepted)
        if summed is None:
            return
        vector = np.frombuffer(summed.vector, "<i8").copy()
        vector[0] += 1 << 20
        await self.record(task, summed.parts, vector.tobytes(), summed.openings)

    async def record(
        self,
        task: ob.Task,
        parts: Sequence[ob.Submission],
        vector: bytes,
        openings: tuple[bytes, ...],
    ) -> None:
        """Store an aggregate and anchor it."""
        named = tuple((address_bytes(sub.id), sub.weight) for sub in parts)
        aggregate = Aggregate(vector, openings, named)
        stored = await self.tools.store.put(
            aggregate.to_bytes(), epochs=self.tools.settings.walrus.epochs
        )
        await self.tools.contract.record_aggregate(
            task.id,
            parts=find_part_bits(task, parts),
            root=aggregate.root,
            blindings_root=aggregate.openings_root,
            blob=stored.blob_id,
        )


class OneOfThem(WrongSum):
    """Publishes the update of one contributor as if it were the sum of all."""

    async def _aggregate(self, task: ob.Task) -> None:
        accepted = await read_accepted(self.tools, task)
        alone = replace(task, terms=replace(task.terms, k_min=1))
        summed = await Aggregator(self.tools, self._fetcher, self.name).sum(alone, accepted[:1])
        if summed is not None:
            await self.record(task, accepted, summed.vector, summed.openings)


async def declare_small(honest: Any, terms: ob.Terms, **named: Any) -> Any:
    """Open a task with another resource class than its plan needs."""
    return await honest(replace(terms, state_bytes=1_000, segment_work=1_000), **named)


# --- owners -------------------------------------------------------------------------------------


def lie_about_keys() -> BuildParts:
    """Return an owner that seals another key than the dataset's."""

    def build(tools: Tools) -> Parts:
        async def lie(honest: Any, request: ob.KeyRequest, envelope: bytes) -> Any:
            market = await tools.contract.market()
            info = make_grant_info(market, request)
            return await honest(request, seal_key(request.key, bytes(32), info))

        grantor = KeyGrantor(meddle(tools, "grant_key", lie))
        return exchange(build_parts(tools), key_grantor=grantor)

    return build


def list_nothing() -> BuildParts:
    """Return an owner that lists a dataset whose blob nobody has."""

    async def lie(honest: Any, *, version: ob.DatasetVersion, **named: Any) -> Any:
        return await honest(version=replace(version, blob=1 << 200), **named)

    def build(tools: Tools) -> Parts:
        usual = build_parts(tools)
        listings = Listings(meddle(tools, "list_dataset", lie), usual.fetcher)
        return exchange(usual, listings=listings)

    return build


async def add_version(owner: Peer, dataset: str) -> None:
    """List a second version of a dataset, with other rows under the same name."""
    contract = owner.tools.contract
    market, ref = await contract._market_ref(), await contract.shared_ref(dataset)
    known = (await contract.dataset(dataset)).versions[0]

    def build(p: Ptb) -> None:
        p.call(
            contract._target("dataset", "add_version"),
            market,
            ref,
            p.u256(known.blob),
            p.byte_vector(known.manifest_digest),
            p.byte_vector(bytes(32)),
            p.u64(known.rows),
            p.u64(known.row_bytes),
            p.byte_vector(known.key_check),
        )

    await contract._send(build, "equivocate", dataset)


async def join_too_late(peer: Peer, task: str, dataset: str) -> None:
    """Try to join once the beacon is known: whoever could would choose its seed."""
    contract = peer.tools.contract
    requested = await contract.request_key(
        dataset,
        number=1,
        key=derive_public_key(peer.tools.keys.encryption_key),
        scope=KeyScope.TRAIN_AND_VERIFY,
        task=task,
        lifetime_ms=3_600_000,
        once="late",
    )
    event = ev.KeyRequested.from_bcs(requested.emitted("events::KeyRequested")[0].contents)
    stake = (await contract.task(task)).terms.stake
    with pytest.raises(MoveAborted, match="EWrongPhase"):
        await contract.join(
            task,
            dataset=dataset,
            request=event.request,
            program_root=PROGRAM_ROOT,
            stake=stake,
        )


PUBLISHERS: dict[str, BuildParts] = {
    "wrong-aggregate": publish_by(
        lambda tools, parts: WrongSum(tools, parts.fetcher, parts.checker)
    ),
    "weights-that-decode": publish_by(
        lambda tools, parts: OneOfThem(tools, parts.fetcher, parts.checker)
    ),
    "hidden-size": publish_by(
        lambda tools, parts: Publisher(
            meddle(tools, "open_task", declare_small), parts.fetcher, parts.checker
        )
    ),
}
