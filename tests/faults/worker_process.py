"""One piece of work on a home, in a process of its own: `python -m tests.faults.worker_process add HOME`."""

import sys
from pathlib import Path

from tests.fakes.storage_faults import open_store
from tests.faults.verdicts import add_sol, apply_group, recover_only, refuse_one

WORKS = {"add": add_sol, "group": apply_group, "recover": recover_only, "refuse": refuse_one}

if __name__ == "__main__":
    WORKS[sys.argv[1]](open_store(Path(sys.argv[2])))
