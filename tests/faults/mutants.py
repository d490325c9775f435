"""Defects put into the store on purpose, each with the test that must fail on it: `make mutants`.

A fault test that no defect can make fail proves nothing. Each mutant is a change of one place in a
copy of the tree; the place must be there exactly once, which `test_mutant_table.py` checks in every run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
COPIED = ("bot", "schemas", "tests", "pyproject.toml")
_TESTS_FAILED = 1


class Mutant(NamedTuple):
    """One defect: in which file, what is replaced by what, and the test (file::words of its name)."""

    name: str
    file: str
    old: str
    new: str
    killed_by: str


_ATOMIC = "bot/storage/files/atomic_file.py"
_COMMIT = "bot/storage/commit.py"
_RECOVERY = "bot/storage/recovery.py"
_EXAMINATION = "bot/storage/examination.py"
_AUDIT = "bot/storage/audit_log.py"
_STORE = "bot/storage/state_store.py"

_GROUP = "bot/commands/group.py"
_INDEX = "bot/storage/command_index.py"

_CUT_GROUP = "test_kill_sweep.py::a_group_is_whole"
_CUT = "test_power_cuts.py::anywhere_in_a_commit"
_CUT_AGAIN = "test_power_cuts.py::killed_then_recovered"
_CUT_REFUSAL = "test_power_cuts.py::acknowledged_refusal"
_TWO = "test_two_writers.py::without_the_lock"
_ERRORS = "test_disk_errors.py::an_error_at_any_call"
_PAUSES = "test_pause_interleavings.py::after_the_pause"

MUTANTS = (
    Mutant("no fsync of temp files", _ATOMIC, "        flush(ops, descriptor, temp)\n", "", _CUT),
    Mutant("no fsync of the audit log", _ATOMIC, "    flush(ops, descriptor, path)\n", "", _CUT),
    Mutant(
        "fsync of the audit log only if something was appended",
        _ATOMIC,
        "    flush(ops, descriptor, path)\n",
        "    if data:\n        flush(ops, descriptor, path)\n",
        _CUT_AGAIN,
    ),
    Mutant(
        "no folder fsync after the link",
        _COMMIT,
        "    flush_folder(context.ops, target.parent)\n",
        "",
        _CUT,
    ),
    Mutant(
        "no folder fsync after the publication",
        _ATOMIC,
        "        raise _not_written(path, error) from error\n    flush_folder(ops, path.parent)\n",
        "        raise _not_written(path, error) from error\n",
        _CUT,
    ),
    Mutant(
        "recovery builds on a version's name without flushing it",
        _RECOVERY,
        "        flush_folder(context.ops, context.home.versions(name))\n",
        "",
        _CUT_AGAIN,
    ),
    Mutant(
        "recovery tells the audit before the published name is flushed",
        _RECOVERY,
        "        flush_folder(context.ops, context.home.state)\n",
        "        pass\n",
        _CUT_AGAIN,
    ),
    Mutant(
        "audit first, then the commit",
        _COMMIT,
        "    _link_version(context, kind, raw, snapshot.meta.serial)\n    try:\n",
        "    context.audit.append_missing(snapshot.meta.outbox, durable=snapshot.meta.audit)\n"
        "    _link_version(context, kind, raw, snapshot.meta.serial)\n    try:\n",
        _CUT,
    ),
    Mutant(
        "the version is renamed over whatever is there",
        _ATOMIC,
        "        ops.link(temp, target)\n",
        "        ops.rename(temp, target)\n",
        _TWO,
    ),
    Mutant(
        "the public file is written in place",
        _ATOMIC,
        "    temp = write_temp(ops, path, data, mode)\n    try:\n        ops.rename(temp, path)\n",
        "    if path.exists():\n"
        "        descriptor = os.open(path, os.O_WRONLY)\n"
        "        ops.truncate(descriptor, 0)\n"
        "        append_durably(ops, descriptor, path, data)\n"
        "        ops.close(descriptor)\n"
        "        return\n"
        "    temp = write_temp(ops, path, data, mode)\n    try:\n        ops.rename(temp, path)\n",
        _CUT,
    ),
    Mutant(
        "publication forgotten",
        _COMMIT,
        "        publish_replace(context.ops, context.home.public(kind.name), raw, FILE_MODE)\n",
        "",
        _CUT,
    ),
    Mutant(
        "the outbox is trimmed too early",
        _COMMIT,
        "            outbox=records,\n",
        "            outbox=records[:0],\n",
        _CUT,
    ),
    Mutant(
        "the audit is called durable before it is written",
        _COMMIT,
        "            audit=tail.point,\n",
        "            audit=type(tail.point)(sequence=records[-1]['sequence'], hash=records[-1]['hash']),\n",
        _CUT,
    ),
    Mutant(
        "no dedupe",
        _STORE,
        "        for snapshot in self._snapshots.values():\n            entry =",
        "        for snapshot in ():\n            entry =",
        "test_duplicates.py::delivered_to_four",
    ),
    Mutant(
        "only the first command of a group is remembered",
        _GROUP,
        "            if decided.change is not None:\n",
        "            if decided.change is not None and not commands:\n",
        _CUT_GROUP,
    ),
    Mutant(
        "a group's refusals are kept before its commit",
        _GROUP,
        "        result = None if dry_run else self._commit()\n",
        "        for each in self._decided:\n"
        "            if each.refusal is not None and each.act is not None:\n"
        "                told = refusal_outcome(each.refusal)\n"
        "                record = refusal_record(each.prepared.command, told, each.act.now)\n"
        "                self._transaction.refuse(record)\n"
        "        result = None if dry_run else self._commit()\n",
        _CUT_GROUP,
    ),
    Mutant(
        "a group does not ask what was told before",
        "bot/commands/apply.py",
        "        told = told_before(transaction, [item.command for item in prepared])\n",
        "        told: dict[str, CommandOutcome] = {}\n",
        "test_duplicates.py::delivered_to_four",
    ),
    Mutant(
        "the index does not read on in a log that others append to",
        _INDEX,
        "        self._read_forward(descriptor, status.st_size)\n",
        "",
        "test_beyond_the_ring.py::the_ring_forgot",
    ),
    Mutant(
        "the index does not look at the log before it was opened",
        _INDEX,
        "            self._read_backward(descriptor)\n",
        "            break\n",
        "test_beyond_the_ring.py::steps_back",
    ),
    Mutant(
        "what has left the ring is not looked up in the audit log",
        "bot/commands/outcomes.py",
        "    for uid, serial in transaction.applied_earlier(made_at).items():\n",
        "    for uid, serial in dict[str, int]().items():\n",
        "test_beyond_the_ring.py::at_once",
    ),
    Mutant(
        "no state lock",
        _STORE,
        "        with hold(self.home.state_lock, clock=self._clock, what=what, timeout_s=timeout_s):\n",
        "        with contextlib.nullcontext():\n",
        "test_locks.py::stopped_holder",
    ),
    Mutant(
        "the names are not listed again after the link",
        _COMMIT,
        "        if present[-1] != serial:\n",
        "        if False:\n",
        "test_locks.py::pruned_version",
    ),
    Mutant(
        "a place in the audit log that another writer took is not looked at",
        _AUDIT,
        "            self.check_held(records[: len(records) - len(missing)])\n",
        "",
        _TWO,
    ),
    Mutant(
        "outboxes that contradict each other are merged",
        _EXAMINATION,
        "    records = _outboxes(context.audit, tail, documents)\n",
        "    records = {record['sequence']: record for meta in metas for record in meta.outbox}\n",
        _TWO,
    ),
    Mutant(
        "a version heals from any public file, without the audit's proof",
        _EXAMINATION,
        '                return snapshot if record.get("content_digest") == digest else None\n',
        "                return snapshot\n",
        "test_damage.py::forged",
    ),
    Mutant(
        "a different public file is replaced without an alarm",
        _RECOVERY,
        "            alarms.extend(_set_public_aside(context, found, document))\n",
        "",
        "test_damage.py::every_flipped_bit",
    ),
    Mutant(
        "the checksum is not compared",
        "bot/storage/documents.py",
        "    if expected != actual:\n",
        "    if False:\n",
        "test_damage.py::every_flipped_bit",
    ),
    Mutant(
        "an audit record's own hash is not compared",
        "bot/storage/audit_chain.py",
        '    if record.get("hash") != digest_without(record, "hash"):\n',
        "    if False:\n",
        "test_damage.py::flipped_bit_in_the_durable_audit",
    ),
    Mutant(
        "a rolled-back home is taken for the truth",
        _EXAMINATION,
        "            if found.serial >= recorded:\n",
        "            if True:\n",
        "test_damage.py::rolled_back",
    ),
    Mutant(
        "NaN is let through",
        "bot/storage/files/json_codec.py",
        "            parse_constant=_refuse_constant,\n",
        "            parse_constant=lambda _: 3,\n",
        "test_damage.py::hostile",
    ),
    Mutant("a refusal's torn end stays", _RECOVERY, "    _mend_refusals(context)\n", "", _CUT_REFUSAL),
    Mutant(
        "torn bytes are not cut before an append",
        _AUDIT,
        "            if cut:\n",
        "            if False:\n",
        _CUT,
    ),
    Mutant(
        "a short write counts as a whole one",
        _ATOMIC,
        "        view = view[taken:]\n",
        "        return\n",
        "test_disk_errors.py::short_writes",
    ),
    Mutant(
        "a failed fsync is taken as done",
        _ATOMIC,
        "        ops.fsync(descriptor)\n"
        "    except OSError as error:\n"
        "        raise unsure(path, error) from error\n",
        "        ops.fsync(descriptor)\n    except OSError:\n        return\n",
        "test_disk_errors.py::failed_flush",
    ),
    Mutant(
        "R4: a paused coin's intent is opened",
        "bot/lifecycle/exit_rules.py",
        '            return None if entry.exits is not Exits.OFF else "exits_are_off"\n',
        "            return None\n",
        _PAUSES,
    ),
    Mutant(
        "R4: the order leaves although its intent was refused",
        "bot/trading/exits.py",
        "        if opened.state is not CommandState.APPLIED:\n            return [Step(",
        "        if False:\n            return [Step(",
        _PAUSES,
    ),
    Mutant(
        "R4: the order leaves before its intent",
        "bot/trading/exits.py",
        "        opened = self._sender.send(\n",
        "        self._orders.submit(verdict)\n        opened = self._sender.send(\n",
        _PAUSES,
    ),
    Mutant(
        "R4: the state is looked at before the lock is held",
        "bot/commands/apply.py",
        "                with self._store.transaction() as transaction:\n"
        "                    return self._decide(transaction, prepared, dry_run=dry_run)\n",
        "                from bot.storage.documents import MANAGED_STATE\n"
        "                looked = self._store.read(MANAGED_STATE)\n"
        "                with self._store.transaction() as transaction:\n"
        "                    whole = transaction.current\n"
        "                    transaction.current = (\n"
        "                        lambda kind: looked if kind is MANAGED_STATE else whole(kind)\n"
        "                    )\n"
        "                    return self._decide(transaction, prepared, dry_run=dry_run)\n",
        _PAUSES,
    ),
)


def mutated(mutant: Mutant, tree: Path) -> str:
    """Return the file's text with the defect.

    Raises:
        ValueError: The place is not there exactly once.
    """
    text = (tree / mutant.file).read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: its place is {text.count(mutant.old)} times in {mutant.file}")
    return text.replace(mutant.old, mutant.new)


def run_tests(tree: Path, killed_by: str) -> int:
    """Run the named test in a tree and return pytest's exit code."""
    file, _, name = killed_by.partition("::")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("FAULTS_")}
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    command += [f"tests/faults/{file}", "-k", name]
    return subprocess.run(command, cwd=tree, env=environ, capture_output=True, check=False).returncode


def verdict(mutant: Mutant, tree: Path) -> str:
    """Put the defect in, run its test, take the defect out again; returns `killed` or what went wrong."""
    path = tree / mutant.file
    whole = path.read_text(encoding="utf-8")
    path.write_text(mutated(mutant, tree), encoding="utf-8")
    try:
        code = run_tests(tree, mutant.killed_by)
    finally:
        path.write_text(whole, encoding="utf-8")
    return "killed" if code == _TESTS_FAILED else f"SURVIVED (pytest ended with {code})"


def main() -> int:
    """Try every mutant, or those whose name holds the words given; print the table."""
    words = sys.argv[1:]
    chosen = [mutant for mutant in MUTANTS if all(word in mutant.name for word in words)]
    survived = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder)
        for name in COPIED:
            source = REPOSITORY / name
            ignored = shutil.ignore_patterns("__pycache__")
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=ignored)
            else:
                shutil.copy(source, tree / name)
        passing = {mutant.killed_by: run_tests(tree, mutant.killed_by) == 0 for mutant in chosen}
        for mutant in chosen:
            whole = passing[mutant.killed_by]
            told = verdict(mutant, tree) if whole else "UNPROVEN (its test fails without any defect)"
            survived += told != "killed"
            sys.stdout.write(f"{told:10} {mutant.name:75} {mutant.killed_by}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen)} mutants, {survived} survived\n")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
