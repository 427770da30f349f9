"""Where each file of a daemon lies, below ``daemon.data_dir``.

Nothing is made here: whoever writes a file makes its folder, readable by its owner only.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataDir:
    """The files in ``root`` beside the database and its lock."""

    root: Path

    @property
    def work(self) -> Path:
        """The folder of jobs: a folder for each submission, and one for each other kind of job."""
        return self.root / "work"

    def submission(self, submission: str) -> Path:
        """Return the folder of a submission: checkpoints, result, verification file."""
        return self.work / submission

    def ciphertexts(self, submission: str) -> Path:
        """Return where the encrypted update of our submission is written."""
        return self.submission(submission) / "ciphertexts.bin"

    def own_verification_file(self, submission: str) -> Path:
        """Return where the verification file of our submission is kept until its end."""
        return self.submission(submission) / "verification-file.wvf"

    def committed_file(self, submission: str) -> Path:
        """Return where a submission's verification file lies as it was fetched."""
        return self.submission(submission) / "committed.wvf"

    def pieces(self, submission: str, digest: bytes) -> Path:
        """Return where the sealed pieces of an opening lie, by the digest of its manifest."""
        return self.submission(submission) / f"opening-{digest.hex()[:16]}"

    def sealing(self, submission: str) -> Path:
        """Return where our opening of a submission is prepared; it holds rows in the clear."""
        return self.submission(submission) / "sealing"

    def replays(self, service: str) -> Path:
        """Return the folder in which a service replays; it holds rows in the clear."""
        return self.work / "replay" / service

    def plan(self, digest: bytes) -> Path:
        """Return where a plan's canonical bytes lie."""
        return self.root / "plans" / f"{digest.hex()}.json"

    def weights(self, digest: bytes) -> Path:
        """Return where initial weights lie, by the digest of their file."""
        return self.root / "models" / f"{digest.hex()}.safetensors"

    def rows(self, row_root: bytes) -> Path:
        """Return where the decrypted rows of a dataset lie while they are needed."""
        return self.root / "datasets" / f"{row_root.hex()}.rows"

    def probe(self, task: str) -> Path:
        """Return where a task's manifest lies while we see whether blobs reach us."""
        return self.root / "probes" / f"{task}.manifest"
