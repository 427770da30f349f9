"""Heavy cryptography leaves the event loop alone, tells how far it is, and ends when cancelled."""

import gc
import os
import time

import numpy as np
import pytest
import trio

from tests.crypto import paillier_vectors
from tests.support.refusals import refused
from walrusd.crypto.paillier.packing import Packing
from walrusd.crypto.paillier.proofs import verify_encryption
from walrusd.crypto.pedersen import rows
from walrusd.crypto.vfile.header import Quantisation
from walrusd.errors import MalformedCiphertext, StoreRefused
from walrusd.runtime.pool import discard_progress, run_heavy, run_pieces
from walrusd.workers import pedersen
from walrusd.workers.paillier import (
    ENCRYPTED_PIECE,
    Encryption,
    check_decrypted_sum,
    decrypt_files,
    encrypt_piece,
    encrypt_update,
    sum_files,
)

KEY = paillier_vectors.load_key(2048)
ENCRYPTION = Encryption(KEY.public.to_bytes(), 40)
PACKING = Packing(KEY.public.n, 40)
SEED = b"s" * 32


class Ciphertexts:
    """A verified file of which only the ciphertexts are read."""

    def __init__(self, data):
        self._data, self.file = data, self

    def pieces(self, _section, size, start, stop):
        data = self._data[start:stop]
        return (data[i : i + size] for i in range(0, len(data), size))


def make_update(entries, seed=1):
    return np.random.default_rng(seed).integers(-(2**23), 2**23, entries).astype("<i4")


async def encrypt(update, path, report, threads=2):
    await encrypt_update(
        ENCRYPTION, update.tobytes(), seed=SEED, path=path, report=report, threads=threads
    )


def process_id():
    return os.getpid()


async def test_work_runs_in_other_processes_that_stay_warm():
    found = {await run_heavy(process_id) for _ in range(3)}
    assert len(found) == 1
    assert os.getpid() not in found


async def test_pieces_are_reported_and_the_first_error_ends_them():
    told, begun = [], []

    async def work(number):
        begun.append(number)
        await trio.lowlevel.checkpoint()
        if number >= 3:
            raise StoreRefused("no")

    await run_pieces(3, work, lambda done, pieces: told.append((done, pieces)), at_once=2)
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(StoreRefused):
        await run_pieces(400, work, discard_progress, at_once=1)
    assert len(begun) < 20


async def test_an_update_is_encrypted_in_pieces_with_progress(tmp_path):
    entries = PACKING.slots * ENCRYPTED_PIECE + 5
    update, told, path = make_update(entries), [], tmp_path / "a" / "ciphertexts"
    await encrypt_update(
        ENCRYPTION, update.tobytes(), seed=SEED, path=path,
        report=lambda *found: told.append(found), threads=2,
    )  # fmt: skip
    verify_encryption(KEY.public, path.read_bytes(), PACKING.pack(update), SEED)
    assert path.stat().st_mode & 0o777 == 0o600
    assert told == [(1, 2), (2, 2)]


# anyio kills a worker that works for nobody, and leaves its handles to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_encryption_ends_when_it_is_cancelled(tmp_path):
    update = make_update(PACKING.slots * ENCRYPTED_PIECE * 400)
    told, path = [], tmp_path / "c"
    with trio.move_on_after(0.2) as scope:
        await encrypt_update(
            ENCRYPTION, update.tobytes(), seed=SEED, path=path,
            report=lambda *found: told.append(found), threads=2,
        )  # fmt: skip
    assert scope.cancelled_caught
    assert len(told) < 400
    assert not path.exists()
    gc.collect()


@pytest.fixture(scope="module")
def parts():
    updates = [make_update(2 * PACKING.slots + 3, seed) for seed in (1, 2, 3)]
    files = [
        Ciphertexts(encrypt_piece(ENCRYPTION, update.tobytes(), bytes([k] * 32), 0))
        for k, update in enumerate(updates)
    ]
    weights = [1, 5, 1000]
    total = sum(w * u.astype(np.int64) for w, u in zip(weights, updates, strict=True))
    return list(zip(files, weights, strict=True)), total


def decrypting(parts, monkeypatch, key=KEY, value_bits=24):
    """Decrypt a sum with a key that comes out of no seed."""
    monkeypatch.setattr("walrusd.workers.paillier._private_key", lambda *_: key)
    monkeypatch.setattr("walrusd.workers.paillier.run_heavy", in_this_process)
    quantisation = Quantisation(20, value_bits, 2 * PACKING.slots + 3)
    return decrypt_files(
        SEED, ENCRYPTION, quantisation, parts, context=b"c", report=discard_progress, threads=1
    )


async def in_this_process(function, *arguments):
    await trio.lowlevel.checkpoint()
    return function(*arguments)


async def test_sums_of_files_are_decrypted_and_checked_in_pieces(parts, monkeypatch):
    files, total = parts
    vector, proof = await decrypting(files, monkeypatch)
    assert np.frombuffer(vector, "<i8").tolist() == total.tolist()
    told = []
    await check_decrypted_sum(
        ENCRYPTION, vector, files, proof=proof, context=b"c",
        report=lambda *found: told.append(found), threads=1,
    )  # fmt: skip
    assert told == [(1, 1)]


async def test_sums_that_could_overflow_or_are_malformed_are_refused(parts, monkeypatch):
    files, _total = parts
    heavy_ones = [(file, 1 << 16) for file, _weight in files]
    with refused("paillier.slot_overflow", "reach"):
        await decrypting(heavy_ones, monkeypatch)
    short = [*files[:2], (Ciphertexts(b""), 1)]
    with pytest.raises(MalformedCiphertext):
        await sum_files(ENCRYPTION, short, 3, discard_progress, threads=1)


async def test_a_keystore_without_the_key_is_told_so(parts):
    files, _total = parts
    quantisation = Quantisation(20, 24, 2 * PACKING.slots + 3)
    with refused("paillier.key", "hold"):
        await decrypt_files(
            SEED, ENCRYPTION, quantisation, files, context=b"c", report=discard_progress, threads=1
        )


@pytest.mark.slow
async def test_big_integers_do_not_make_the_loop_late(tmp_path):
    """A canary on the loop: while workers compute, 20 ms of this process never pass unawakened.

    Lateness is counted in this process's own processor time: what other programs on the machine do
    does not count, what its threads do while they hold the interpreter lock does.
    """
    update = make_update(PACKING.slots * ENCRYPTED_PIECE)
    blindings = list(range(1, 1 + rows.compute_row_count(update.size)))

    async def in_workers():
        path = tmp_path / "c"
        await encrypt_update(
            ENCRYPTION, update.tobytes(), seed=SEED, path=path, report=discard_progress, threads=1
        )
        points = await run_heavy(pedersen.commit_update_rows, update.tobytes(), blindings)
        assert len(points) == len(blindings)
        await run_heavy(pedersen.prove_cost, b"c" * 96, 5, 7)

    async def in_a_thread():
        await trio.to_thread.run_sync(pow, 3, 1 << 20_000, (1 << 4096) - 1)

    await in_workers()  # processes start, tables are made
    late = [await measure_lateness(in_workers) for _ in range(3)]
    assert min(late) < 0.020, late
    # The canary does sing: a thread is no way to keep such work from the loop.
    assert await measure_lateness(in_a_thread) > 0.020


async def measure_lateness(work):
    """Return the most processor time that passed between two wakes of a canary, in seconds."""
    worst = 0.0
    async with trio.open_nursery() as nursery:

        async def watch():
            nonlocal worst
            while True:
                before = time.process_time()
                await trio.sleep(0.005)
                worst = max(worst, time.process_time() - before)

        nursery.start_soon(watch)
        await work()
        nursery.cancel_scope.cancel()
    return worst
