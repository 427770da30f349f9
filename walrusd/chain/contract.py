"""The contract's entry points as methods: one transaction each, done once per key.

``once`` names an action ("join:0x…"); the Sender journals it, so that the same action asked for
again after a crash gives the first answer instead of a second transaction. Objects that a
transaction touched are re-read afterwards, and only once the node shows the transaction.
"""

from collections.abc import Callable, Sequence

import trio

from walrusd.chain.client import SuiClient
from walrusd.chain.layouts import objects as ob
from walrusd.chain.ptb import Argument, Ptb
from walrusd.chain.reads import MarketReader
from walrusd.chain.transactions import Sender
from walrusd.chain.types import ExecutedTransaction, ObjectRef, SharedRef
from walrusd.errors import NotAllowed
from walrusd.units import Address

Build = Callable[[Ptb], None]


def _frozen(ref: SharedRef) -> SharedRef:
    """Return the reference for reading only, so that the transaction does not contend."""
    return SharedRef(ref.id, ref.initial_version, mutable=False)


class ContractClient(MarketReader):
    """Reads and writes of one market, as one address."""

    def __init__(self, client: SuiClient, sender: Sender, package_id: str, market_id: str) -> None:
        super().__init__(client, package_id, market_id)
        self._sender = sender
        # Owned capabilities change their version with every use: one use at a time.
        self._cap_turn = trio.Lock()

    @property
    def address(self) -> Address:
        """Who signs."""
        return self._sender.address

    # --- node -------------------------------------------------------------------------------

    async def register_seat(
        self,
        *,
        stake: int,
        key: bytes,
        min_fee: int,
        max_state_bytes: int,
        max_segment_work: int,
        once: str,
    ) -> ExecutedTransaction:
        """Stake a seat in the verifier pool."""
        market, pool = await self._market_ref(), await self.shared_ref(await self.pool_id())

        def build(p: Ptb) -> None:
            (coin,) = p.split_gas(stake)
            cap = p.call(
                self._target("node", "register_seat"),
                market,
                pool,
                coin,
                p.byte_vector(key),
                p.u64(min_fee),
                p.u64(max_state_bytes),
                p.u64(max_segment_work),
                p.clock,
            )
            p.transfer(self.address, cap)

        return await self._send(build, once, pool.id)

    async def exit_seat(self) -> ExecutedTransaction:
        """Stop being drawn; the stake unbonds."""
        market, pool = await self._market_ref(), await self.shared_ref(await self.pool_id())
        async with self._cap_turn:
            cap, seat = await self._require_cap()

            def build(p: Ptb) -> None:
                p.call(self._target("node", "exit_seat"), market, pool, cap, p.clock)

            return await self._send(build, f"exit_seat:{seat.id}", pool.id)

    async def withdraw_seat(self) -> ExecutedTransaction:
        """Take the stake of an unbonded seat."""
        market, pool = await self._market_ref(), await self.shared_ref(await self.pool_id())
        async with self._cap_turn:
            cap, seat = await self._require_cap()

            def build(p: Ptb) -> None:
                coin = p.call(self._target("node", "withdraw_seat"), market, pool, cap, p.clock)
                p.transfer(self.address, coin)

            return await self._send(build, f"withdraw_seat:{seat.id}", pool.id)

    # --- task -------------------------------------------------------------------------------

    async def open_task(
        self,
        terms: ob.Terms,
        *,
        funds: int,
        publisher_key: bytes,
        manifest_blob: int,
        manifest_digest: bytes,
        state_root_0: bytes,
        plan_digest: bytes,
        parent: str,
        datasets: Sequence[ob.DatasetRef],
        once: str,
    ) -> ExecutedTransaction:
        """Open a task; ``TaskOpened`` in the result names it."""
        market = await self._market_ref()

        def build(p: Ptb) -> None:
            fields = [
                p.pure(codec.encode(getattr(terms, name)))
                for name, codec in ob.Terms.codecs().items()
            ]
            made = p.call(self._target("terms", "new_terms"), *fields)
            (coin,) = p.split_gas(funds)
            cap = p.call(
                self._target("task", "open_task"),
                market,
                made,
                p.byte_vector(publisher_key),
                p.u256(manifest_blob),
                p.byte_vector(manifest_digest),
                p.byte_vector(state_root_0),
                p.byte_vector(plan_digest),
                p.address(parent),
                p.addresses([d.dataset for d in datasets]),
                p.u64s([d.number for d in datasets]),
                coin,
                p.clock,
            )
            p.transfer(self.address, cap)

        return await self._send(build, once)

    async def close_joining(self, task: str) -> ExecutedTransaction:
        """Draw the join beacon."""
        market, ref = await self._market_ref(), await self.shared_ref(task)

        def build(p: Ptb) -> None:
            p.call(self._target("task", "close_joining"), market, ref, p.random, p.clock)

        return await self._send(build, f"close_joining:{task}", task, random=True)

    async def draw(self, task: str) -> ExecutedTransaction:
        """Draw the committee beacon."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        pool = _frozen(await self.shared_ref(await self.pool_id()))

        def build(p: Ptb) -> None:
            p.call(self._target("task", "draw"), market, pool, ref, p.random, p.clock)

        return await self._send(build, f"draw:{task}", task, random=True)

    async def record_aggregate(
        self, task: str, *, root: bytes, blindings_root: bytes, blob: int
    ) -> ExecutedTransaction:
        """Publish the weighted sum."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        async with self._cap_turn:
            cap = await self.publisher_cap(self.address, task)

            def build(p: Ptb) -> None:
                p.call(
                    self._target("task", "record_aggregate"),
                    market,
                    cap,
                    ref,
                    p.byte_vector(root),
                    p.byte_vector(blindings_root),
                    p.u256(blob),
                    p.clock,
                )

            return await self._send(build, f"record_aggregate:{task}", task)

    async def reclaim(self, task: str) -> ExecutedTransaction:
        """Take back what the task did not spend."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        async with self._cap_turn:
            cap = await self.publisher_cap(self.address, task)

            def build(p: Ptb) -> None:
                coin = p.call(self._target("task", "reclaim"), market, cap, ref)
                p.transfer(self.address, coin)

            return await self._send(build, f"reclaim:{task}", task)

    async def claim_task(self, task: str, amount: int) -> ExecutedTransaction:
        """Collect our credit on a task."""
        market, ref = await self._market_ref(), await self.shared_ref(task)

        def build(p: Ptb) -> None:
            coin = p.call(self._target("task", "claim_task"), market, ref)
            p.transfer(self.address, coin)

        return await self._send(build, f"claim_task:{task}:{amount}", task)

    # --- submission -------------------------------------------------------------------------

    async def join(
        self, task: str, *, dataset: str, request: str, stake: int
    ) -> ExecutedTransaction:
        """Stake on a task; ``SubmissionJoined`` in the result names the submission."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        data, grant = await self.shared_ref(dataset), await self.shared_ref(request)

        def build(p: Ptb) -> None:
            (coin,) = p.split_gas(stake)
            p.call(
                self._target("submission", "join"),
                market,
                ref,
                _frozen(data),
                _frozen(grant),
                coin,
                p.clock,
            )

        return await self._send(build, f"join:{task}", task)

    async def commit(
        self,
        task: str,
        submission: str,
        commitment: ob.Commitment,
        *,
        leaf_zero_path: Sequence[bytes],
        cost_proof: bytes,
    ) -> ExecutedTransaction:
        """Fix the work."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            p.call(
                self._target("submission", "commit"),
                market,
                ref,
                sub,
                p.byte_vector(commitment.trace_root),
                p.byte_vector(commitment.update_root),
                p.byte_vector(commitment.scheme_root),
                p.u64(commitment.scheme_rows),
                p.byte_vectors(leaf_zero_path),
                p.byte_vector(commitment.cost_commitment),
                p.byte_vector(cost_proof),
                p.byte_vector(commitment.file_digest),
                p.u256(commitment.file_blob),
                p.clock,
            )

        return await self._send(build, f"commit:{submission}", task, submission)

    async def open(
        self, task: str, submission: str, opening: ob.Opening, *, blinding: bytes
    ) -> ExecutedTransaction:
        """Hand the committee what it must replay, and open the cost."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            p.call(
                self._target("submission", "open"),
                market,
                ref,
                sub,
                p.u256(opening.blob),
                p.byte_vector(opening.digest),
                p.byte_vector(opening.key_check),
                p.byte_vectors(opening.envelopes),
                p.u64(opening.cost),
                p.byte_vector(blinding),
                p.clock,
            )

        return await self._send(build, f"open:{submission}", task, submission)

    async def reseal(self, submission: str, recipient: str, envelope: bytes) -> ExecutedTransaction:
        """Seal an opening's key to one more recipient."""
        market, sub = await self._market_ref(), _frozen(await self.shared_ref(submission))

        def build(p: Ptb) -> None:
            p.call(
                self._target("submission", "reseal"),
                market,
                sub,
                p.address(recipient),
                p.byte_vector(envelope),
            )

        return await self._send(build, f"reseal:{submission}:{recipient}", submission)

    async def seat(self, task: str, submission: str) -> ExecutedTransaction:
        """Seat the committee."""
        return await self._crank("committee", "seat", task, submission)

    async def settle(self, task: str, submission: str) -> ExecutedTransaction:
        """End a submission."""
        return await self._crank("settlement", "settle", task, submission)

    async def claim(self, submission: str, amount: int) -> ExecutedTransaction:
        """Collect our credit on a submission."""
        market, sub = await self._market_ref(), await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            coin = p.call(self._target("settlement", "claim"), market, sub)
            p.transfer(self.address, coin)

        return await self._send(build, f"claim:{submission}:{amount}", submission)

    # --- attestation and jury ---------------------------------------------------------------

    async def attest(
        self,
        task: str,
        submission: str,
        *,
        seat: int,
        position: int,
        digest: bytes,
        slot_path: Sequence[bytes],
        state_root: bytes,
        trace_path: Sequence[bytes],
    ) -> ExecutedTransaction:
        """Vote valid, with the proof of replay."""
        market, ref = await self._market_ref(), _frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)
        async with self._cap_turn:
            cap, _seat = await self._require_cap()

            def build(p: Ptb) -> None:
                p.call(
                    self._target("attestation", "attest"),
                    market,
                    ref,
                    sub,
                    cap,
                    p.u64(seat),
                    p.u64(position),
                    p.byte_vector(digest),
                    p.byte_vectors(slot_path),
                    p.byte_vector(state_root),
                    p.byte_vectors(trace_path),
                    p.clock,
                )

            once = f"attest:{submission}:{seat}:{position}"
            return await self._send(build, once, submission)

    async def challenge(
        self,
        task: str,
        submission: str,
        *,
        kind: int,
        index: int,
        leaf: bytes,
        path: Sequence[bytes],
        commitment: bytes,
        bond: int,
    ) -> ExecutedTransaction:
        """Accuse a submission before a jury."""
        market, ref = await self._market_ref(), _frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            (coin,) = p.split_gas(bond)
            p.call(
                self._target("jury", "challenge"),
                market,
                ref,
                sub,
                p.u8(kind),
                p.u64(index),
                p.byte_vector(leaf),
                p.byte_vectors(path),
                p.byte_vector(commitment),
                coin,
                p.clock,
            )

        return await self._send(build, f"challenge:{submission}:{kind}:{index}", submission)

    async def draw_jury(self, submission: str, challenge: bytes) -> ExecutedTransaction:
        """Draw the beacon of a jury."""
        market, sub = await self._market_ref(), await self.shared_ref(submission)
        pool = _frozen(await self.shared_ref(await self.pool_id()))

        def build(p: Ptb) -> None:
            p.call(self._target("jury", "draw_jury"), market, pool, sub, p.random, p.clock)

        return await self._send(build, f"draw_jury:{challenge.hex()}", submission, random=True)

    async def seat_jury(self, task: str, submission: str) -> ExecutedTransaction:
        """Seat a jury."""
        return await self._crank("jury", "seat_jury", task, submission)

    async def resolve(self, task: str, submission: str) -> ExecutedTransaction:
        """Let the contract compare what the jury revealed."""
        return await self._crank("jury", "resolve", task, submission)

    async def jury_commit(
        self, task: str, submission: str, *, juror: int, challenge: bytes, commitment: bytes
    ) -> ExecutedTransaction:
        """Fix our value as a juror."""
        market, ref = await self._market_ref(), _frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)
        async with self._cap_turn:
            cap, _seat = await self._require_cap()

            def build(p: Ptb) -> None:
                p.call(
                    self._target("jury", "jury_commit"),
                    market,
                    ref,
                    sub,
                    cap,
                    p.u64(juror),
                    p.byte_vector(commitment),
                    p.clock,
                )

            return await self._send(build, f"jury_commit:{challenge.hex()}:{juror}", submission)

    async def jury_reveal(
        self,
        task: str,
        submission: str,
        *,
        juror: int,
        challenge: bytes,
        chain: bytes,
        state_root: bytes,
        salt: bytes,
    ) -> ExecutedTransaction:
        """Reveal our value as a juror."""
        market, ref = await self._market_ref(), _frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)
        async with self._cap_turn:
            cap, _seat = await self._require_cap()

            def build(p: Ptb) -> None:
                p.call(
                    self._target("jury", "jury_reveal"),
                    market,
                    ref,
                    sub,
                    cap,
                    p.u64(juror),
                    p.byte_vector(chain),
                    p.byte_vector(state_root),
                    p.byte_vector(salt),
                    p.clock,
                )

            return await self._send(build, f"jury_reveal:{challenge.hex()}:{juror}", submission)

    async def accuser_reveal(
        self,
        task: str,
        submission: str,
        *,
        challenge: bytes,
        chain: bytes,
        state_root: bytes,
        salt: bytes,
    ) -> ExecutedTransaction:
        """Reveal our value as the accuser."""
        market, ref = await self._market_ref(), _frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            p.call(
                self._target("jury", "accuser_reveal"),
                market,
                ref,
                sub,
                p.byte_vector(chain),
                p.byte_vector(state_root),
                p.byte_vector(salt),
                p.clock,
            )

        return await self._send(build, f"accuser_reveal:{challenge.hex()}", submission)

    # --- dataset ----------------------------------------------------------------------------

    async def list_dataset(
        self, *, title: bytes, description_blob: int, version: ob.DatasetVersion, once: str
    ) -> ExecutedTransaction:
        """List a dataset with its first version; ``DatasetListed`` in the result names it."""
        market = await self._market_ref()

        def build(p: Ptb) -> None:
            p.call(
                self._target("dataset", "list_dataset"),
                market,
                p.byte_vector(title),
                p.u256(description_blob),
                p.u256(version.blob),
                p.byte_vector(version.manifest_digest),
                p.byte_vector(version.row_root),
                p.u64(version.rows),
                p.u64(version.row_bytes),
                p.byte_vector(version.key_check),
            )

        return await self._send(build, once)

    async def request_key(
        self,
        dataset: str,
        *,
        number: int,
        key: bytes,
        scope: int,
        task: str,
        lifetime_ms: int,
        once: str,
    ) -> ExecutedTransaction:
        """Ask for a dataset's key; ``KeyRequested`` in the result names the request."""
        market, data = await self._market_ref(), _frozen(await self.shared_ref(dataset))

        def build(p: Ptb) -> None:
            p.call(
                self._target("dataset", "request_key"),
                market,
                data,
                p.u64(number),
                p.byte_vector(key),
                p.u8(scope),
                p.address(task),
                p.u64(lifetime_ms),
                p.clock,
            )

        return await self._send(build, once)

    async def grant_key(self, request: str, envelope: bytes) -> ExecutedTransaction:
        """Release a dataset's key to a requester."""
        market, ref = await self._market_ref(), await self.shared_ref(request)

        def build(p: Ptb) -> None:
            p.call(
                self._target("dataset", "grant_key"),
                market,
                ref,
                p.byte_vector(envelope),
                p.clock,
            )

        return await self._send(build, f"answer:{request}", request)

    async def deny_key(self, request: str, reason: str) -> ExecutedTransaction:
        """Refuse a dataset's key."""
        market, ref = await self._market_ref(), await self.shared_ref(request)

        def build(p: Ptb) -> None:
            p.call(
                self._target("dataset", "deny_key"),
                market,
                ref,
                p.byte_vector(reason.encode()),
                p.clock,
            )

        return await self._send(build, f"answer:{request}", request)

    # --- how they are sent ------------------------------------------------------------------

    def _target(self, module: str, function: str) -> str:
        return f"{self.package_id}::{module}::{function}"

    async def _market_ref(self) -> Argument:
        return _frozen(await self.shared_ref(self.market_id))

    async def _require_cap(self) -> tuple[ObjectRef, ob.VerifierCap]:
        found = await self.verifier_cap(self.address)
        if found is None:
            raise NotAllowed("this address holds no verifier seat", hint="walrusctl node register")
        return found

    async def _crank(
        self, module: str, function: str, task: str, submission: str
    ) -> ExecutedTransaction:
        """Call a crank on a submission; all of them take market, task, pool, submission, clock."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        pool, sub = await self.shared_ref(await self.pool_id()), await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            p.call(self._target(module, function), market, ref, pool, sub, p.clock)

        # A crank may be due again after a redraw, so nothing is remembered under its name.
        return await self._send(build, None, task, submission, pool.id, label=f"{function}")

    async def _send(
        self,
        build: Build,
        once: str | None,
        *touched: str,
        random: bool = False,
        label: str = "",
    ) -> ExecutedTransaction:
        if random:
            self._sender.random_version = await self.random_version()
        try:
            if once is None:
                executed = await self._sender.submit(build, label=label)
            else:
                executed = await self._sender.submit_once(once, build)
            await self.client.wait_visible(executed.digest)
        finally:
            for object_id in touched:
                self.forget(object_id)
        return executed
