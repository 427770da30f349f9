"""The checks of a verification file, each with a name, so that a person sees what was checked.

Nothing here needs a network: what only the chain knows (the anchored digest) is an argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from walrusd.crypto import merkle
from walrusd.crypto.checklist import Checklist, Item
from walrusd.crypto.cost import CostFunction, compute_loss_root, parse_cost_function
from walrusd.crypto.number_tree import LeafKind, TreeHasher, compute_update_root
from walrusd.crypto.pedersen.pedersen import verify_proof
from walrusd.crypto.pedersen.rows import Update
from walrusd.crypto.stream import decrypt_bytes, verify_key_check
from walrusd.crypto.vfile.scheme_checks import (
    NamedCheck,
    compute_knowledge_context,
    list_scheme_checks,
    verify_scheme_opening,
)
from walrusd.crypto.vfile.vfile import VerificationFile
from walrusd.errors import VerificationFailed


@dataclass(frozen=True)
class VerifiedFile:
    """A file that passed every check; ``anchored`` if the chain's digest was among them."""

    file: VerificationFile
    checks: tuple[Item, ...]
    anchored: bool


def open_cost(file: VerificationFile, cost_key: bytes) -> CostFunction:
    """Decrypt the cost function, checking key and plaintext against the header.

    Raises:
        DecryptionFailed: if the key is not the committed one, or the section is damaged.
        VerificationFailed: if the plaintext is not the committed one.
        MalformedData: if the plaintext is not a cost function.
    """
    subject = file.header.subject
    verify_key_check(cost_key, subject.submission, file.header.key_check)
    plaintext = decrypt_bytes(file.cost_stream, cost_key, subject.cost_aad())
    if compute_loss_root(cost_key, plaintext) != file.header.loss_root:
        raise VerificationFailed("the cost function is not the one that was committed")
    return parse_cost_function(plaintext)


def verify_file_update(file: VerificationFile, update: Update, openings: Sequence[bytes]) -> None:
    """Check an opened update, int32 ``(d,)``, against the file: root, range, every commitment.

    ``openings`` are as for ``verify_scheme_opening``.

    Raises:
        VerificationFailed: if the update is not the committed one.
        MalformedData: if a commitment or the number of openings is wrong.
    """
    quantisation = file.header.quantisation
    bound = 1 << (quantisation.value_bits - 1)
    if update.size != quantisation.entries:
        raise VerificationFailed(
            f"the update has {update.size} entries, but the file states {quantisation.entries}"
        )
    if int(update.max()) >= bound or int(update.min()) < -bound:
        raise VerificationFailed(f"the update does not fit {quantisation.value_bits} bits")
    if compute_update_root(update) != file.header.update_root:
        raise VerificationFailed("the update does not have the committed root")
    verify_scheme_opening(file, update, openings)


def inspect_verification_file(
    file: VerificationFile, *, expected_digest: bytes | None = None, cost_key: bytes | None = None
) -> Checklist:
    """Make every check and return all results, good and bad."""
    checks = Checklist()
    for name, check in list_checks(file, expected_digest=expected_digest):
        checks.run(name, check)
    if cost_key is not None:
        checks.find("cost function", lambda: open_cost(file, cost_key))
    return checks


def list_checks(
    file: VerificationFile, *, expected_digest: bytes | None = None
) -> list[NamedCheck]:
    """Return the checks that need no key, by name; each raises a PeerFault if it fails."""
    checks: list[NamedCheck] = [
        ("digest", lambda: _check_digest(file, file.stored_digest, "stored in the file")),
    ]
    if expected_digest is not None:
        checks.append(("anchor", lambda: _check_digest(file, expected_digest, "on the chain")))
    return [
        *checks,
        ("sections", lambda: _check_sections(file)),
        ("trace", lambda: _check_trace(file)),
        *list_scheme_checks(file),
        ("cost proof", lambda: _check_proof(file)),
    ]


def verify_file(
    file: VerificationFile, *, expected_digest: bytes | None = None, cost_key: bytes | None = None
) -> VerifiedFile:
    """Run every check and return the file as verified.

    Without ``expected_digest`` the file is consistent in itself, but its maker may have chosen the
    fields that no proof covers, such as the dataset's id.

    Raises:
        VerificationFailed: if a check fails; ``fields["checks"]`` lists all of them.
    """
    checks = inspect_verification_file(file, expected_digest=expected_digest, cost_key=cost_key)
    if checks.failures:
        raise VerificationFailed(
            f"the verification file fails: {', '.join(item.name for item in checks.failures)}"
            f" ({checks.failures[0].detail})",
            checks=[{"name": i.name, "ok": i.ok, "detail": i.detail} for i in checks.items],
        )
    return VerifiedFile(file, tuple(checks.items), anchored=expected_digest is not None)


def _check_digest(file: VerificationFile, expected: bytes, where: str) -> None:
    if file.digest != expected:
        raise VerificationFailed(f"the header does not have the digest {where}")


def _check_sections(file: VerificationFile) -> None:
    for section in file.sections:
        hasher = TreeHasher(LeafKind.BYTES)
        for piece in file.pieces(section):
            hasher.update(piece)
        if hasher.root() != file.spans[section].root:
            raise VerificationFailed(f"the {section.name.lower()} section was changed")


def _check_trace(file: VerificationFile) -> None:
    leaves = file.trace_leaves
    if len(leaves) < 2:
        raise VerificationFailed("the trace has no segment")
    if merkle.compute_root(leaves) != file.header.trace_root:
        raise VerificationFailed("the trace leaves do not give the trace root")


def _check_proof(file: VerificationFile) -> None:
    header = file.header
    context = compute_knowledge_context(header)
    verify_proof(context, header.scheme.cost_commitment, header.scheme.cost_proof)
