"""The two verification schemes, as the services use them: commit, open, aggregate, check.

A task's terms name its scheme; the rest of the market is the same for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO

from walrusd.chain.layouts import objects as ob
from walrusd.core.aggregate import Aggregate
from walrusd.crypto.paillier.vectors import derive_encryption_seed
from walrusd.crypto.pedersen.g1 import ROW_LENGTH
from walrusd.crypto.pedersen.rows import (
    compute_row_count,
    compute_scheme_root,
    derive_row_blindings,
)
from walrusd.crypto.vfile.blocks import PaillierBlock, PedersenBlock, SchemeBlock
from walrusd.crypto.vfile.checks import VerifiedFile
from walrusd.crypto.vfile.vfile import Source
from walrusd.engine.jobs import clear_progress, make_encryption_report
from walrusd.engine.tools import Tools
from walrusd.errors import MalformedData
from walrusd.market.case import Case
from walrusd.market.verified import TaskScheme
from walrusd.runtime.pool import Report, discard_progress, run_heavy
from walrusd.runtime.sources import source_of
from walrusd.units import address_bytes
from walrusd.workers import paillier, pedersen
from walrusd.workers.paillier import Encryption

Committed = tuple[SchemeBlock, Source]
"""A header block, and the openings of its section."""


@dataclass(frozen=True)
class CostProof:
    """The commitment of the cost and its proof, which both schemes carry."""

    context: bytes
    commitment: bytes
    proof: bytes


def _encryption_of(block: PaillierBlock) -> Encryption:
    return Encryption(block.modulus, block.slot_bits)


async def derive_openings(
    tools: Tools, case: Case, scheme: TaskScheme, update_root: bytes
) -> list[bytes]:
    """Return the openings of our commitment: a blinding per row, or the encryption's seed."""
    secret = tools.keys.contributor_secret
    task, contributor = address_bytes(case.task.id), address_bytes(case.submission.contributor)
    if scheme.encryption is None:
        rows = compute_row_count(scheme.entries)
        blindings = await run_heavy(
            derive_row_blindings, secret, task, contributor, update_root, rows
        )
        return [blinding.to_bytes(32, "big") for blinding in blindings]
    return [derive_encryption_seed(secret, scheme.encryption.key, task, contributor, update_root)]


async def commit_update(
    tools: Tools,
    submission: str,
    scheme: TaskScheme,
    update: bytes,
    *,
    openings: Sequence[bytes],
    cost: CostProof,
) -> Committed:
    """Return the scheme's part of the verification file of a trained update."""
    encryption = scheme.encryption
    if encryption is None:
        blindings = [int.from_bytes(blinding, "big") for blinding in openings]
        points = await run_heavy(pedersen.commit_update_rows, update, blindings)
        block: SchemeBlock = PedersenBlock(
            ROW_LENGTH, len(points), compute_scheme_root(points), cost.commitment, cost.proof
        )
        return block, partial(BytesIO, b"".join(points))
    path = tools.files.ciphertexts(submission)
    try:
        await paillier.encrypt_update(
            encryption,
            update,
            seed=openings[0],
            path=path,
            report=make_encryption_report(tools, submission, len(update) // 4),
            threads=tools.settings.daemon.threads,
        )
    finally:
        clear_progress(tools, submission)
    root, count, knowledge = await run_heavy(
        paillier.prove_encrypted_update,
        encryption,
        update,
        str(path),
        openings[0],
        cost.context,
    )
    block = PaillierBlock(
        modulus=encryption.modulus,
        modulus_proof=scheme.modulus_proof,
        slot_bits=encryption.slot_bits,
        count=count,
        root=root,
        knowledge_proof=knowledge,
        cost_commitment=cost.commitment,
        cost_proof=cost.proof,
    )
    return block, source_of(path)


async def find_wrong_row(
    file: VerifiedFile, update: bytes, openings: Sequence[bytes], only: int | None = None
) -> int | None:
    """Return the first row or ciphertext that does not open to an opened update, or None.

    ``only`` asks about one of them. To check all, ``workers.files.check_opened`` is far cheaper.
    """
    block = file.file.header.scheme
    if isinstance(block, PaillierBlock):
        return await run_heavy(
            paillier.find_wrong_ciphertext,
            _encryption_of(block),
            update,
            file.file.ciphertexts,
            openings[0],
            only,
        )
    blindings = [int.from_bytes(blinding, "big") for blinding in openings]
    points = list(file.file.row_commitments)
    return await run_heavy(pedersen.find_wrong_commitment, update, blindings, points, only)


async def check_aggregate(
    context: bytes,
    aggregate: Aggregate,
    weights: Sequence[int],
    verified: Sequence[VerifiedFile],
    *,
    report: Report = discard_progress,
    threads: int = 0,
) -> None:
    """Check a published sum against the files of its parts.

    ``context`` is that of the publisher's proof of decryption.

    Raises:
        VerificationFailed: if it is another sum.
        MalformedData: if its openings are not of the scheme.
    """
    block = verified[0].file.header.scheme
    if isinstance(block, PedersenBlock):
        await run_heavy(
            pedersen.check_aggregate_rows,
            aggregate.vector,
            list(weights),
            list(verified),
            aggregate.openings,
        )
        return
    if len(aggregate.openings) != 1:
        raise MalformedData("an encrypted aggregate must be opened by one proof")
    await paillier.check_decrypted_sum(
        _encryption_of(block),
        aggregate.vector,
        list(zip(verified, weights, strict=True)),
        proof=aggregate.openings[0],
        context=context,
        report=report,
        threads=threads,
    )


def compute_decryption_context(market: ob.Market, task: ob.Task) -> bytes:
    """Return the context of a proof of decryption: ``chain id ‖ package ‖ task``."""
    return market.chain_id + address_bytes(market.package) + address_bytes(task.id)
