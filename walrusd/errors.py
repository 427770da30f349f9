"""Every error a person or a peer can meet.

    WalrusdError
    ├── OurFault      a mistake on this machine: configuration, keys, arguments, missing funds
    ├── PeerFault     another party broke the protocol: malformed blob, forged trace, bad proof
    └── WorldFault    nobody's fault: an endpoint is down, a lock is held, a disk is full

Only a ``PeerFault`` may ever lead to an accusation; a ``WorldFault`` is retried. Each class has a
stable ``code``; each instance has a message (what was wrong) and a hint (what to do next).
No message carries a secret.
"""

import errno
from typing import Any, ClassVar


class WalrusdError(Exception):
    """Base of all errors with a stable code."""

    code: ClassVar[str] = "internal"
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str | None = None, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = self.default_hint if hint is None else hint
        self.fields = fields

    def to_json(self) -> dict[str, Any]:
        """Return the error as ``{"code", "message", "hint", …fields}``."""
        return {"code": self.code, "message": self.message, "hint": self.hint, **self.fields}


class OurFault(WalrusdError):
    """A mistake on this machine."""


class PeerFault(WalrusdError):
    """Another party broke the protocol."""


class WorldFault(WalrusdError):
    """An outside thing failed; trying again may help."""


# --- settings and keys ---------------------------------------------------------------------


class ConfigError(OurFault):
    """Raised when a configuration file cannot be read or says something impossible."""

    code = "config.invalid"


class UnknownConfigKey(ConfigError):
    """Raised when a configuration file has a key that walrusd does not know."""

    code = "config.unknown_key"


class KeyFileMissing(OurFault):
    """Raised when a key file that the configuration names does not exist."""

    code = "keys.missing"


class KeyFileMode(OurFault):
    """Raised when others can read a file that holds secrets."""

    code = "keys.mode"
    default_hint = "chmod 600 the file"


class KeystoreLocked(OurFault):
    """Raised when the keystore cannot be opened with the key or passphrase given."""

    code = "keys.locked"


class KeystoreDamaged(OurFault):
    """Raised when the keystore's file is none, or was cut."""

    code = "keys.damaged"
    default_hint = "restore the keystore from your backup"


class SeatKeyLost(OurFault):
    """Raised when the keystore is not the one that the verifier's seat was registered with."""

    code = "keys.seat"
    default_hint = "restore the keystore that was in use when the seat was registered"


# --- bytes from elsewhere --------------------------------------------------------------------


class MalformedData(PeerFault):
    """Raised when bytes do not have the layout they should have."""

    code = "data.malformed"


class MalformedPoint(MalformedData):
    """Raised when bytes are not the canonical encoding of a point of G1."""

    code = "data.point"


class MalformedScalar(MalformedData):
    """Raised when bytes are not scalars below the order of G1."""

    code = "data.scalar"


class MalformedCbor(MalformedData):
    """Raised when bytes are not CBOR in the one canonical encoding that is taken."""

    code = "data.cbor"


class MalformedHeader(MalformedData):
    """Raised when the preamble or the header of a verification file is not that of version 1."""

    code = "file.header"


class MalformedSection(MalformedData):
    """Raised when a section of a verification file is missing, cut, or has no whole items."""

    code = "file.section"


class MalformedCost(MalformedData):
    """Raised when a decrypted cost section is not a cost function."""

    code = "cost.malformed"


class MalformedEnvelope(MalformedData):
    """Raised when bytes are not an envelope of a key."""

    code = "envelope.malformed"


class EncryptionKeyRefused(MalformedData):
    """Raised when a public key cannot receive envelopes: malformed, or of low order."""

    code = "envelope.key"


class VerificationFailed(PeerFault):
    """Raised when well-formed data does not prove what it claims."""

    code = "proof.invalid"


class PedersenProofInvalid(VerificationFailed):
    """Raised when a proof of the opening of a commitment has no proof's length or does not hold."""

    code = "pedersen.proof"


class CommitmentMismatch(VerificationFailed):
    """Raised when a commitment opens to something else."""

    code = "pedersen.opening"


class PaillierKeyRefused(PeerFault):
    """Raised when a Paillier modulus is too short, malformed, or not proven well-formed."""

    code = "paillier.key"


class MalformedCiphertext(MalformedData):
    """Raised when bytes are not Paillier ciphertexts of their key."""

    code = "paillier.ciphertext"


class SlotOverflow(MalformedData):
    """Raised when a value or a weighted sum leaves the slots of a packed plaintext."""

    code = "paillier.slot_overflow"


class PaillierProofInvalid(VerificationFailed):
    """Raised when a proof about Paillier ciphertexts is malformed or proves something else."""

    code = "paillier.proof"


class DecryptionFailed(PeerFault):
    """Raised when authenticated decryption refuses a ciphertext."""

    code = "crypto.decryption"


class FraudFound(VerificationFailed):
    """Raised when a submission contradicts its own commitments, so that a jury can judge it.

    ``fields`` have the ``kind`` of the challenge and its ``index``.
    """

    code = "submission.fraud"


class OpeningUnusable(PeerFault):
    """Raised when an opening cannot be read, is incomplete, or is not the committed one."""

    code = "opening.unusable"
    default_hint = "the seat reports it, and the contributor must open again"


class PartAbsent(WorldFault):
    """Raised when no endpoint has a part of a submission: never stored, or not to be had now."""

    code = "opening.absent"
    default_hint = "walrusd will retry; check walrus.aggregators"


# --- training ---------------------------------------------------------------------------------


class PlanRefused(PeerFault):
    """Raised when a training plan has an unknown key, an impossible value, or a forbidden one."""

    code = "plan.refused"


class ModelRefused(OurFault):
    """Raised when a model in another program's layout cannot be trained exactly."""

    code = "model.refused"


class NonFiniteValue(PeerFault):
    """Raised when training meets NaN or infinity."""

    code = "training.non_finite"


class UpdateOverflow(PeerFault):
    """Raised when an update does not fit its declared bits."""

    code = "training.update_overflow"


class ProductBoundExceeded(PeerFault):
    """Raised when a matrix product is too long to be exact in its profile."""

    code = "training.product_bound"


class DeviceRefused(OurFault):
    """Raised when this machine does not give the golden bits of an operation."""

    code = "training.device_refused"


class MalformedTranscript(MalformedData):
    """Raised when a file is no transcript, or its parts do not follow from each other."""

    code = "transcript.malformed"
    default_hint = "docs/formats/transcript.md describes the format"


class ForeignTranscript(PeerFault):
    """Raised when transcripts, or the files given with them, are about different work."""

    code = "transcript.foreign"


class MachineUnfit(OurFault):
    """Raised when this machine cannot do the work that it was about to take on."""

    code = "daemon.unfit"
    default_hint = "`walrusctl status` lists what it cannot do; it is looked at again by itself"


class TrainingFailed(WorldFault):
    """Raised when the training process ended without a result."""

    code = "training.failed"


# --- chain ------------------------------------------------------------------------------------


class ChainUnreachable(WorldFault):
    """Raised when no Sui endpoint answers."""

    code = "chain.unreachable"
    default_hint = "check sui.urls in the configuration and the network"


class ChainRefused(OurFault):
    """Raised when a node refuses a request: bad argument, stale object, bad signature."""

    code = "chain.refused"


class MethodMissing(ChainRefused):
    """Raised when no Sui endpoint offers a method that is needed."""

    code = "chain.method_missing"
    default_hint = "add a full node that offers it to sui.urls"


class PackageNotFound(ChainRefused):
    """Raised when a package that a transaction calls does not exist on this network."""

    code = "chain.package_not_found"
    default_hint = "check sui.package_id and that sui.urls serve the network it was published on"


class ObjectUnreadable(WorldFault):
    """Raised when an endpoint shows an object of the contract that has another layout.

    No peer can make one: the endpoint errs, or this daemon is older than the contract.
    """

    code = "chain.unreadable"
    default_hint = "this daemon may be older than the contract, or an endpoint of sui.urls errs"


class ObjectNotFound(OurFault):
    """Raised when an object does not exist on this network."""

    code = "chain.not_found"


class WrongNetwork(OurFault):
    """Raised when an endpoint serves another chain than the configuration names."""

    code = "chain.wrong_network"


class ContractNotPublished(OurFault):
    """Raised when a configuration or profile names no contract, or one that is not there."""

    code = "chain.no_contract"
    default_hint = "publish one with `walrusctl contract publish`, or take over another's profile"


class ContractMismatch(OurFault):
    """Raised when the contract on chain is not the one this walrusd was built for."""

    code = "chain.wrong_contract"
    default_hint = "use the walrusd release that fits the contract; nothing was spent"


class InsufficientBalance(OurFault):
    """Raised when an address has too little SUI for what it must pay."""

    code = "chain.insufficient_balance"
    default_hint = "fund the address shown by `walrusctl node balance`"


class MoveAborted(OurFault):
    """Raised when the contract aborted a transaction; carries the module and its code."""

    code = "chain.move_abort"


class TransactionFailed(OurFault):
    """Raised when a transaction was executed without effect for another reason than an abort."""

    code = "chain.failed"


class PackageMismatch(TransactionFailed):
    """Raised when a package does not have the functions that this daemon calls."""

    code = "chain.package_mismatch"
    default_hint = "walrusd and the contract at sui.package_id are of different versions"


class HistoryPruned(WorldFault):
    """Raised when no endpoint has the history that is still to be read."""

    code = "chain.history_pruned"
    default_hint = (
        "name an archive in sui.archive_urls, or a node that keeps more history in sui.urls"
    )


class TransactionUncertain(WorldFault):
    """Raised when it is not yet known whether a transaction was executed."""

    code = "chain.uncertain"


# --- storage ------------------------------------------------------------------------------------


class StorageUnreachable(WorldFault):
    """Raised when no Walrus endpoint answers."""

    code = "storage.unreachable"
    default_hint = "check walrus.aggregators and walrus.publishers in the configuration"


class BlobNotFound(WorldFault):
    """Raised when no endpoint has the blob: never stored, expired, or not yet spread."""

    code = "storage.not_found"


class BlobCorrupt(WorldFault):
    """Raised when an endpoint sends other bytes than those of the blob that it was asked for.

    That is the endpoint's doing and says nothing about whoever stored the blob.
    """

    code = "storage.corrupt"
    default_hint = "add another aggregator to walrus.aggregators"


class BlobTooLarge(WorldFault):
    """Raised when a blob has more bytes than the reader allows, as far as the endpoints tell.

    The field ``agreed`` is false if not all endpoints say so.
    """

    code = "storage.too_large"


class ContentMismatch(PeerFault):
    """Raised when a blob's bytes are its own, but not what was announced for it on the chain."""

    code = "storage.content"


class StoreRefused(OurFault):
    """Raised when a publisher refuses to store a blob."""

    code = "storage.refused"


class BlobOverLimit(StoreRefused):
    """Raised when what is to be stored has more bytes than one blob may have.

    ``fields`` have ``size`` and ``limit`` in bytes, as far as they are known.
    """

    code = "storage.over_limit"
    default_hint = (
        "use a publisher that takes more and raise walrus.max_blob_bytes, or store less at once"
    )


class FileCut(OurFault):
    """Raised when a file became shorter while it was being stored."""

    code = "storage.file_cut"
    default_hint = "store it again, and leave the file alone meanwhile"


class EncoderFailed(WorldFault):
    """Raised when the blob encoder gives no result."""

    code = "storage.encoder"
    default_hint = "is there memory for about six times the blob?"


# --- this machine ---------------------------------------------------------------------------------


class LocalFault(WorldFault):
    """Raised when a file of this daemon cannot be read or written."""

    code = "local.file"
    default_hint = "check the disk and the owner of daemon.data_dir"


class DiskFull(LocalFault):
    """Raised when a disk or a quota of this machine is full."""

    code = "local.disk_full"
    default_hint = "make room on the disk of daemon.data_dir; walrusd then goes on by itself"


class ReadOnly(LocalFault):
    """Raised when a file of this daemon lies where nothing may be written."""

    code = "local.read_only"
    default_hint = "mount the disk of daemon.data_dir writable, and check the owner of its files"


class DiskBroken(LocalFault):
    """Raised when a disk of this machine does not read or write."""

    code = "local.io"
    default_hint = "check the system's log and the disk of daemon.data_dir"


class TooManyOpenFiles(LocalFault):
    """Raised when this process, or this machine, may open no more files."""

    code = "local.open_files"
    default_hint = "raise the limit of open files, such as LimitNOFILE= of the unit"


_OS_FAULTS: dict[int, type[LocalFault]] = {
    errno.ENOSPC: DiskFull,
    errno.EDQUOT: DiskFull,
    errno.EROFS: ReadOnly,
    errno.EIO: DiskBroken,
    errno.EMFILE: TooManyOpenFiles,
    errno.ENFILE: TooManyOpenFiles,
}


def explain_os_error(error: OSError) -> LocalFault:
    """Return the typed error for a file or directory that cannot be used: the one place for it."""
    where = f" ({error.filename})" if error.filename else ""
    kind = _OS_FAULTS.get(error.errno or 0, LocalFault)
    return kind(f"{error.strerror or type(error).__name__}{where}")


def explain_or(error: OSError, otherwise: WalrusdError) -> WalrusdError:
    """Return what is the matter with this machine, such as a full disk, else ``otherwise``."""
    fault = explain_os_error(error)
    return otherwise if type(fault) is LocalFault else fault


class DatabaseLocked(LocalFault):
    """Raised when another process holds the daemon's database in a write."""

    code = "local.locked"
    default_hint = "end whatever else has walrusd.sqlite open, such as a backup or a sqlite3 shell"


class DatabaseCorrupt(LocalFault):
    """Raised when the daemon's database is damaged on the disk."""

    code = "local.corrupt"
    default_hint = "stop walrusd, check the disk, and restore walrusd.sqlite from a backup"


class SecondLookDiffers(WorldFault):
    """Raised when what was found wrong with a peer's work is not found again."""

    code = "local.second_look"
    default_hint = "check this machine's memory and disk; nobody is accused on such grounds"


# --- the devnet ----------------------------------------------------------------------------------


class DevnetFailed(WorldFault):
    """Raised when a devnet process ends before it is ready."""

    code = "devnet.failed"


# --- the daemon --------------------------------------------------------------------------------


class DoubleAction(OurFault):
    """Raised when an identity is about to act twice, or a second daemon holds its lock."""

    code = "daemon.double_action"


class DaemonStarting(WorldFault):
    """Raised when a daemon is asked for something that it cannot do before it is ready."""

    code = "daemon.starting"
    default_hint = "`walrusctl status` shows what it waits for"


class DatabaseLost(OurFault):
    """Raised when an identity has worked in a directory whose database is gone or empty.

    With it is lost what may be done only once.
    """

    code = "daemon.database_lost"
    default_hint = (
        "restore walrusd.sqlite from a backup; if there is none, and no other daemon uses this"
        " identity, run `walrusd run --accept-new-database` once"
    )


class NotAllowed(OurFault):
    """Raised when the owner's policy, or a caller's role, forbids an action."""

    code = "daemon.not_allowed"


class BadRequest(OurFault):
    """Raised when an RPC request is malformed, too large, or names an unknown thing."""

    code = "rpc.bad_request"


class UnknownId(BadRequest):
    """Raised when nothing that is known here has an id that begins as given."""

    code = "rpc.unknown_id"


class AmbiguousId(BadRequest):
    """Raised when several known ids begin as given; ``fields`` have them as ``candidates``."""

    code = "rpc.ambiguous_id"


class DaemonUnreachable(OurFault):
    """Raised by the client when the daemon's socket does not answer."""

    code = "rpc.unreachable"
    default_hint = "is walrusd running? check `systemctl status walrusd` and --socket"


def needs_owner(error: WalrusdError) -> bool:
    """Return whether starting again is of no use before the owner has changed something.

    A node that refuses a read may be overloaded or out of order, and a proxy without one says that
    it lacks the method; what a node says of our contract or of the network is meant.
    """
    is_refusal = type(error) in {ChainRefused, MethodMissing}
    return isinstance(error, OurFault | DatabaseCorrupt) and not is_refusal
