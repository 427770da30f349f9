"""The training process: ``python -m walrusd.training.process.child``.

One job on stdin, JSON lines on stdout. ``run/jobs.py`` describes both, ``execution.py`` does the
jobs. The modules of ``process`` are the only ones of ``training`` that do I/O.
"""

import os
import resource
import sys

import torch

from walrusd.errors import LocalFault, TrainingFailed, WalrusdError, explain_os_error
from walrusd.training.process.execution import describe_result, run_job
from walrusd.training.process.memory import keep_freed_memory
from walrusd.training.process.reporter import Stopped, emit
from walrusd.training.run.jobs import EXIT_ERROR, EXIT_STOPPED, JobLimits, job_from_json
from walrusd.training.run.threads import count_threads


def apply_limits(limits: JobLimits) -> None:
    """Set threads and resource limits, and forbid core dumps: memory holds plaintext rows."""
    torch.set_num_threads(count_threads(limits.threads))
    keep_freed_memory()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limits.memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    if limits.cpu_seconds is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds))


def _translate(error: MemoryError | RuntimeError | OSError) -> WalrusdError:
    """Return the typed error for a library's error when memory, a disk or a file fails.

    Raises:
        RuntimeError: the error itself, if it is not about memory: a mistake in this program.
    """
    if isinstance(error, OSError):
        fault = explain_os_error(error)
        if type(fault) is not LocalFault:
            return fault  # a full disk, for instance, has a hint of its own
        return TrainingFailed(f"a file of the job cannot be used: {error}")
    if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
        raise error
    return TrainingFailed("out of memory", hint="raise the memory limit or use smaller batches")


def run_line(line: str) -> int:
    """Run the job of one line, report how it ended, and return the exit code."""
    try:
        job = job_from_json(line)
        apply_limits(job.limits)
        emit("result", describe_result(job, run_job(job)))
    except Stopped as stopped:
        emit("stopped", {"segment": stopped.segment, "step": stopped.step})
        return EXIT_STOPPED
    except WalrusdError as error:
        emit("error", error.to_json())
        return EXIT_ERROR
    except (MemoryError, RuntimeError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        emit("error", _translate(error).to_json())
        return EXIT_ERROR
    return 0


def main() -> int:
    """Read the job and run it; return the exit code. If the parent has gone, end silently."""
    try:
        return run_line(sys.stdin.readline())
    except BrokenPipeError:
        # Python would report the broken pipe again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_STOPPED


if __name__ == "__main__":
    sys.exit(main())
