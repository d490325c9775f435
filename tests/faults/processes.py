"""Processes of a test: forked, so that they start at once and share nothing but the home."""

import os
import sys
import traceback
from collections.abc import Callable


def start(work: Callable[[], object]) -> int:
    """Run the work in a process of its own; returns its pid."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - the child must not run the parent's tests
            traceback.print_exc(file=sys.stderr)
            os._exit(99)
        os._exit(0)
    return child


def ended(child: int) -> int:
    """Wait for a process; returns its exit code, negative for the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def all_well(works: list[Callable[[], object]]) -> None:
    """Run the works at once and wait.

    Raises:
        AssertionError: One of them failed.
    """
    children = [start(work) for work in works]
    assert [ended(child) for child in children] == [0] * len(works)
