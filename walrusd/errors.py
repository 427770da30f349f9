"""Every error that a person or a program can encounter.

    WalrusdError
    ├── OurFault      a mistake on this machine: configuration, keys, arguments, missing funds
    │   ├── ConfigError, KeyFileMissing, Keystore…, SeatKeyLost
    │   ├── ModelRefused, DeviceRefused, MachineUnfit
    │   ├── ChainRefused (MethodMissing, PackageNotFound), ObjectNotFound, WrongNetwork
    │   ├── Contract…, InsufficientBalance, MoveAborted, TransactionFailed (PackageMismatch)
    │   ├── StoreRefused (BlobOverLimit), FileTruncated
    │   └── DoubleAction, DatabaseLost, NotAllowed, BadRequest (UnknownId, AmbiguousId)
    ├── PeerFault     another party broke the protocol
    │   ├── MalformedData: bytes without the layout they should have, a subclass for each format
    │   ├── VerificationFailed: well-formed data that proves nothing, such as FraudFound
    │   └── OpeningUnusable, PlanRefused, ContentMismatch, DecryptionFailed and others
    └── WorldFault    an outside thing failed; trying again may help
        ├── ChainUnreachable, ObjectUnreadable, HistoryPruned, TransactionUncertain
        ├── StorageUnreachable, Blob…, PartAbsent, EncoderFailed
        ├── TrainingFailed, JobInputUnusable, FindingNotReproduced
        ├── DaemonStarting, DevnetFailed
        └── LocalFault: disk, database and open files of this machine

Only a ``PeerFault`` may lead to an accusation; walrusd retries after a ``WorldFault``. Each class
has a stable ``code``; each instance has a message (what happened) and a hint (what to do next; by
default that of its class). No message carries a secret.
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
    """An endpoint, a disk or another outside thing failed; trying again may help."""


# --- settings and keys ---------------------------------------------------------------------


class ConfigError(OurFault):
    """Raised when a configuration file cannot be read or says something impossible."""

    code = "config.invalid"
    default_hint = "correct the configuration; config/walrusd.toml describes every setting"


class UnknownConfigKey(ConfigError):
    """Raised when a configuration file has a key that walrusd does not know."""

    code = "config.unknown_key"


class KeyFileMissing(OurFault):
    """Raised when a key file that the configuration names does not exist."""

    code = "keys.missing"
    default_hint = "check the path in the configuration, or restore the file from a backup"


class KeyFileMode(OurFault):
    """Raised when others can read a file that holds secrets."""

    code = "keys.mode"
    default_hint = "chmod 600 the file"


class KeystoreLocked(OurFault):
    """Raised when the keystore cannot be opened with the key or passphrase given."""

    code = "keys.locked"
    default_hint = "check the passphrase, or the key file that keys.kek_file names"


class KeystoreDamaged(OurFault):
    """Raised when a file is not a keystore, or is truncated."""

    code = "keys.damaged"
    default_hint = "restore the keystore from your backup"


class SeatKeyLost(OurFault):
    """Raised when the keystore is not the one that the verifier's seat was registered with."""

    code = "keys.seat"
    default_hint = "restore the keystore that was in use when the seat was registered"


# --- bytes from elsewhere --------------------------------------------------------------------


class MalformedData(PeerFault):
    """Raised when bytes do not have the expected layout."""

    code = "data.malformed"
    default_hint = "get the data again, or ask whoever made it; a newer walrusd may read it"


class MalformedPoint(MalformedData):
    """Raised when bytes are not the canonical encoding of a point of G1."""

    code = "data.point"


class MalformedScalar(MalformedData):
    """Raised when bytes are not scalars below the order of G1."""

    code = "data.scalar"


class MalformedCbor(MalformedData):
    """Raised when bytes are not canonical CBOR (RFC 8949, section 4.2)."""

    code = "data.cbor"


class MalformedHeader(MalformedData):
    """Raised when the preamble or header of a verification file is not a valid one of version 1."""

    code = "file.header"


class MalformedSection(MalformedData):
    """Raised when a section of a verification file is missing, cut, or ends within an item."""

    code = "file.section"


class MalformedCost(MalformedData):
    """Raised when a decrypted cost section is not a cost function."""

    code = "cost.malformed"


class MalformedEnvelope(MalformedData):
    """Raised when bytes are not a key envelope."""

    code = "envelope.malformed"


class EncryptionKeyRefused(MalformedData):
    """Raised when a public key cannot receive envelopes: malformed, or of low order."""

    code = "envelope.key"


class VerificationFailed(PeerFault):
    """Raised when well-formed data does not prove what it claims."""

    code = "proof.invalid"
    default_hint = "do not rely on this data; get it again, or ask whoever made it"


class PedersenProofInvalid(VerificationFailed):
    """Raised when a proof of a commitment's opening has the wrong length or does not hold."""

    code = "pedersen.proof"


class CommitmentMismatch(VerificationFailed):
    """Raised when a commitment does not open to the value given."""

    code = "pedersen.opening"


class SchnorrProofInvalid(VerificationFailed):
    """Raised when a proof of a key or an envelope does not hold for its context."""

    code = "envelope.proof"


class RecipientKeysDiffer(VerificationFailed):
    """Raised when a recipient's two public keys are not of one secret."""

    code = "envelope.keys"


class EnvelopeMismatch(VerificationFailed):
    """Raised when an envelope does not hold what the opening's public key fixes."""

    code = "envelope.mismatch"


class LabelValueMismatch(VerificationFailed):
    """Raised when a value is not the one that the opening's public key fixes for the label."""

    code = "envelope.value"


class PaillierKeyRefused(PeerFault):
    """Raised when a Paillier modulus is too short, malformed, or not proven well-formed."""

    code = "paillier.key"
    default_hint = "whoever published the key must make a new one"


class MalformedCiphertext(MalformedData):
    """Raised when bytes are not Paillier ciphertexts of their key."""

    code = "paillier.ciphertext"


class SlotOverflow(MalformedData):
    """Raised when a value or a weighted sum does not fit the slots of a packed plaintext."""

    code = "paillier.slot_overflow"


class PaillierProofInvalid(VerificationFailed):
    """Raised when a proof about Paillier ciphertexts is malformed or proves something else."""

    code = "paillier.proof"


class DecryptionFailed(PeerFault):
    """Raised when authenticated decryption rejects a ciphertext."""

    code = "crypto.decryption"
    default_hint = "check that the key is the one that the data was encrypted with"


class FraudFound(VerificationFailed):
    """Raised when a submission contradicts its own commitments in a way that a jury can judge.

    ``fields`` holds the ``kind`` of the challenge and its ``index``.
    """

    code = "submission.fraud"


class OpeningUnusable(PeerFault):
    """Raised when an opening cannot be read, is incomplete, or is not the committed one."""

    code = "opening.unusable"
    default_hint = "the seat reports it, and the contributor must open again"


class PartAbsent(WorldFault):
    """Raised when no endpoint serves a part of a submission: never stored, or unavailable now."""

    code = "opening.absent"
    default_hint = "walrusd will retry; check walrus.aggregators"


# --- training ---------------------------------------------------------------------------------


class PlanRefused(PeerFault):
    """Raised when a training plan has an unknown key, an impossible value, or a forbidden one."""

    code = "plan.refused"
    default_hint = "walrusd/training/SPEC.md specifies every field of a plan"


class ModelRefused(OurFault):
    """Raised when a model in another program's layout cannot be trained exactly."""

    code = "model.refused"
    default_hint = "use a model of the GPT-2 or Llama family, as docs/task.md says"


class NonFiniteValue(PeerFault):
    """Raised when training produces NaN or infinity."""

    code = "training.non_finite"
    default_hint = "lower the learning rate of the plan, or clip its gradient"


class UpdateOverflow(PeerFault):
    """Raised when an update does not fit its declared bits."""

    code = "training.update_overflow"
    default_hint = "the plan needs more value_bits, fewer scale_bits, or a lower learning rate"


class ProductBoundExceeded(PeerFault):
    """Raised when a matrix product has too many terms to be exact in its numeric profile."""

    code = "training.product_bound"
    default_hint = "use smaller layers, batches or contexts in the plan"


class RowAbsent(PeerFault):
    """Raised when the rows given do not include one that a step reads.

    It says nothing about the plan, so it aborts nothing.
    """

    code = "training.row_absent"
    default_hint = "give all rows that the segment reads"


class DeviceRefused(OurFault):
    """Raised when this machine does not compute an operation bit for bit as specified."""

    code = "training.device_refused"
    default_hint = "train on another device: set WALRUSD_DEVICE, such as to cpu"


class MalformedTranscript(MalformedData):
    """Raised when a file is not a transcript, or its parts do not follow from each other."""

    code = "transcript.malformed"
    default_hint = "docs/formats/transcript.md describes the format"


class OperationMismatch(OurFault):
    """Raised when a step does other operations than those that follow from its plan."""

    code = "transcript.operations"
    default_hint = "this is an error in walrusd; please report it, with the plan"


class ForeignTranscript(PeerFault):
    """Raised when transcripts, or the files given with them, are about different work."""

    code = "transcript.foreign"
    default_hint = "compare transcripts and files of the same segment of one submission"


class MachineUnfit(OurFault):
    """Raised when this machine cannot do the work that it was about to accept."""

    code = "daemon.unfit"
    default_hint = "`walrusctl status` lists what is missing; walrusd checks again by itself"


class TrainingFailed(WorldFault):
    """Raised when the training process ended without a result."""

    code = "training.failed"
    default_hint = "walrusd will retry; check this machine's memory and walrusd's log"


class JobInputUnusable(WorldFault):
    """Raised when a file of a training job is not the one that the job was to read.

    Such a file says nothing about the plan or about anyone's work.
    """

    code = "training.input"
    default_hint = "walrusd fetches it again and retries; check this machine's disk and memory"


# --- chain ------------------------------------------------------------------------------------


class ChainUnreachable(WorldFault):
    """Raised when no Sui endpoint answers."""

    code = "chain.unreachable"
    default_hint = "check sui.urls in the configuration and the network"


class ChainRefused(OurFault):
    """Raised when a node refuses a request: bad argument, stale object, bad signature."""

    code = "chain.refused"
    default_hint = "if it persists, check that sui.urls serve the network of sui.package_id"


class MethodMissing(ChainRefused):
    """Raised when no Sui endpoint offers a method that is needed."""

    code = "chain.method_missing"
    default_hint = "add a full node that offers it to sui.urls"


class PackageNotFound(ChainRefused):
    """Raised when a package that a transaction calls does not exist on this network."""

    code = "chain.package_not_found"
    default_hint = "check sui.package_id and that sui.urls serve the network it was published on"


class ObjectUnreadable(WorldFault):
    """Raised when an endpoint returns an object of the contract with an unknown layout.

    No peer can cause this: the endpoint is wrong, or this daemon is older than the contract.
    """

    code = "chain.unreadable"
    default_hint = "if the contract was upgraded, update walrusd; else replace the node in sui.urls"


class ObjectNotFound(OurFault):
    """Raised when an object does not exist on this network."""

    code = "chain.not_found"
    default_hint = "check the id, and that sui.urls serve the network it is on"


class WrongNetwork(OurFault):
    """Raised when an endpoint serves a chain other than the configured one."""

    code = "chain.wrong_network"
    default_hint = "correct sui.urls or sui.chain_id in the configuration"


class ContractNotPublished(OurFault):
    """Raised when a configuration or profile names no contract, or one that does not exist."""

    code = "chain.no_contract"
    default_hint = "publish one with `walrusctl contract publish`, or use an existing one's profile"


class ContractMismatch(OurFault):
    """Raised when the contract on chain is not the one this walrusd was built for."""

    code = "chain.wrong_contract"
    default_hint = "use the walrusd release that matches the contract; nothing was spent"


class InsufficientBalance(OurFault):
    """Raised when an address has too little SUI for a payment."""

    code = "chain.insufficient_balance"
    default_hint = "fund the address shown by `walrusctl node balance`"


class MoveAborted(OurFault):
    """Raised when the contract aborted a transaction; ``fields`` holds the module and its code."""

    code = "chain.move_abort"
    default_hint = "docs/contract.md lists the conditions of every call"


class TransactionFailed(OurFault):
    """Raised when a transaction failed for a reason other than an abort; only gas was paid."""

    code = "chain.failed"
    default_hint = "walrusd's log has the node's reason; it may be tried again"


class PackageMismatch(TransactionFailed):
    """Raised when a package does not have the functions that this daemon calls."""

    code = "chain.package_mismatch"
    default_hint = "walrusd and the contract at sui.package_id have different versions; update one"


class HistoryPruned(WorldFault):
    """Raised when no endpoint has the events that this daemon has not read yet."""

    code = "chain.history_pruned"
    default_hint = (
        "add an archive to sui.archive_urls, or a node that keeps more history to sui.urls"
    )


class TransactionUncertain(WorldFault):
    """Raised when it is not yet known whether a transaction was executed."""

    code = "chain.uncertain"
    default_hint = "walrusd finds out and will retry; do not repeat the action elsewhere"


# --- storage ------------------------------------------------------------------------------------


class StorageUnreachable(WorldFault):
    """Raised when no Walrus endpoint answers."""

    code = "storage.unreachable"
    default_hint = "check walrus.aggregators and walrus.publishers in the configuration"


class BlobNotFound(WorldFault):
    """Raised when no endpoint has the blob: never stored, expired, or not yet propagated."""

    code = "storage.not_found"
    default_hint = "check walrus.aggregators; the blob may have expired"


class BlobCorrupt(WorldFault):
    """Raised when an endpoint sends bytes that do not match the blob id.

    This is the endpoint's fault and says nothing about who stored the blob.
    """

    code = "storage.corrupt"
    default_hint = "add another aggregator to walrus.aggregators"


class BlobTooLarge(WorldFault):
    """Raised when, according to the endpoints, a blob has more bytes than the reader allows.

    The field ``agreed`` is false if the endpoints disagree.
    """

    code = "storage.too_large"
    default_hint = "nothing was kept; its owner must store a smaller one"


class ContentMismatch(PeerFault):
    """Raised when a blob matches its id but not the digest announced on the chain."""

    code = "storage.content"
    default_hint = "whoever stored it must store the announced bytes"


class StoreRefused(OurFault):
    """Raised when a publisher refuses to store a blob."""

    code = "storage.refused"
    default_hint = "see the publisher's reason, or use another in walrus.publishers"


class BlobOverLimit(StoreRefused):
    """Raised when data to be stored has more bytes than one blob may have.

    ``fields`` holds ``size`` and ``limit`` in bytes, as far as they are known.
    """

    code = "storage.over_limit"
    default_hint = (
        "use a publisher that accepts more and raise walrus.max_blob_bytes, or store smaller blobs"
    )


class FileTruncated(OurFault):
    """Raised when a file became shorter while it was being stored."""

    code = "storage.file_cut"
    default_hint = "store it again, and do not change the file during the upload"


class EncoderFailed(WorldFault):
    """Raised when the blob encoder gives no result."""

    code = "storage.encoder"
    default_hint = "free memory: encoding needs about six times the size of the blob"


# --- this machine ---------------------------------------------------------------------------------


class LocalFault(WorldFault):
    """Raised when a file of this daemon cannot be read or written."""

    code = "local.file"
    default_hint = "check the disk and the owner of daemon.data_dir"


class DiskFull(LocalFault):
    """Raised when a disk or a quota of this machine is full."""

    code = "local.disk_full"
    default_hint = "free space on the disk of daemon.data_dir; walrusd then resumes by itself"


class ReadOnly(LocalFault):
    """Raised when a file of this daemon is on a read-only file system."""

    code = "local.read_only"
    default_hint = "mount the disk of daemon.data_dir writable, and check the owner of its files"


class DiskBroken(LocalFault):
    """Raised when a disk of this machine fails to read or write."""

    code = "local.io"
    default_hint = "check the system's log and the disk of daemon.data_dir"


class TooManyOpenFiles(LocalFault):
    """Raised when this process, or this machine, may open no more files."""

    code = "local.open_files"
    default_hint = "raise the limit of open files, such as LimitNOFILE= in the systemd unit"


_OS_FAULTS: dict[int, type[LocalFault]] = {
    errno.ENOSPC: DiskFull,
    errno.EDQUOT: DiskFull,
    errno.EROFS: ReadOnly,
    errno.EIO: DiskBroken,
    errno.EMFILE: TooManyOpenFiles,
    errno.ENFILE: TooManyOpenFiles,
}


def explain_os_error(error: OSError) -> LocalFault:
    """Return the typed error for a file or directory that cannot be used."""
    where = f" ({error.filename})" if error.filename else ""
    kind = _OS_FAULTS.get(error.errno or 0, LocalFault)
    return kind(f"{error.strerror or type(error).__name__}{where}")


def explain_or(error: OSError, otherwise: WalrusdError) -> WalrusdError:
    """Return this machine's fault that ``error`` shows, such as a full disk, else ``otherwise``."""
    fault = explain_os_error(error)
    return otherwise if type(fault) is LocalFault else fault


class DatabaseLocked(LocalFault):
    """Raised when another process holds a lock on the daemon's database."""

    code = "local.locked"
    default_hint = "close whatever uses walrusd.sqlite, such as a backup or a sqlite3 shell"


class DatabaseCorrupt(LocalFault):
    """Raised when the daemon's database is corrupt."""

    code = "local.corrupt"
    default_hint = "stop walrusd, check the disk, and restore walrusd.sqlite from a backup"


class FindingNotReproduced(WorldFault):
    """Raised when a second check does not confirm what the first found wrong with a peer's work."""

    code = "local.second_look"
    default_hint = "check this machine's memory and disk; walrusd accuses no one on such a finding"


# --- the devnet ----------------------------------------------------------------------------------


class DevnetFailed(WorldFault):
    """Raised when a devnet process ends before it is ready."""

    code = "devnet.failed"
    default_hint = "its standard error has the reason"


# --- the daemon --------------------------------------------------------------------------------


class DoubleAction(OurFault):
    """Raised when an identity is about to act twice, or a second daemon holds its lock."""

    code = "daemon.double_action"
    default_hint = "run one daemon for each identity; `walrusctl why` shows what was done"


class DaemonStarting(WorldFault):
    """Raised when a request needs the daemon to be ready and it is still starting."""

    code = "daemon.starting"
    default_hint = "`walrusctl status` shows what it is waiting for"


class DatabaseLost(OurFault):
    """Raised when an identity has acted from a directory whose database is missing or empty.

    The database records the actions that may be taken only once.
    """

    code = "daemon.database_lost"
    default_hint = (
        "restore walrusd.sqlite from a backup; if there is none, and no other daemon uses this"
        " identity, run `walrusd run --accept-new-database` once"
    )


class NotAllowed(OurFault):
    """Raised when the policy or the state of the market forbids an action."""

    code = "daemon.not_allowed"


class BadRequest(OurFault):
    """Raised when an RPC request is malformed, too large, or names an unknown thing."""

    code = "rpc.bad_request"


class TermsRefused(BadRequest):
    """Raised when the contract would refuse a task's terms; ``fields`` lists ``violations``."""

    code = "terms.refused"
    default_hint = "change these terms in the task file; nothing was stored, and nothing spent"


class PoolUnfit(BadRequest):
    """Raised when too few seats of a pool can serve a task; ``fields`` counts them."""

    code = "terms.pool_unfit"
    default_hint = "wait for more seats, or use another pool; nothing was stored"


class UnknownId(BadRequest):
    """Raised when no object known to this daemon has an id that begins as given."""

    code = "rpc.unknown_id"
    default_hint = "give the id in full"


class AmbiguousId(BadRequest):
    """Raised when several known ids begin as given; ``fields`` lists them as ``candidates``."""

    code = "rpc.ambiguous_id"
    default_hint = "give more digits"


def needs_owner(error: WalrusdError) -> bool:
    """Return whether a restart cannot help before the owner has changed something.

    A plain refusal by a node does not count: the node may be overloaded, and a proxy without a
    node behind it answers that the method is missing. What a node says about the contract or the
    network does count.
    """
    is_refusal = type(error) in {ChainRefused, MethodMissing}
    return isinstance(error, OurFault | DatabaseCorrupt) and not is_refusal
