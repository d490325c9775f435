"""Every benchmark runs: tiny sizes, real files, databases and processes. The figures mean nothing here."""

import importlib
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from benchmarks.bare import Recorder, Replay
from benchmarks.homes import Toggle, asset_name, make_home
from benchmarks.measure import Result, as_table, bounded, compare, told
from benchmarks.report import BEGIN, END, write_page
from benchmarks.run import NAMES, main
from bot.storage.sql.engine import open_engine, reading
from bot.storage.sql.tables import commands
from tests.architecture.source_tree import REPOSITORY


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_runs_with_tiny_sizes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    results = importlib.import_module(f"benchmarks.{name}").measure(quick=True)
    assert results
    assert all(isinstance(result, Result) for result in results)
    assert as_table(results).count("\n") == len(results)


def test_every_benchmark_of_the_folder_is_in_the_table() -> None:
    measuring = {
        path.stem
        for path in (REPOSITORY / "benchmarks").glob("*.py")
        if "\ndef measure(" in path.read_text(encoding="utf-8")
    }
    assert measuring == set(NAMES)


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("nonsense",)) == 2
    assert "nonsense" in capsys.readouterr().err


def test_what_is_replayed_leaves_the_same_files_as_what_was_recorded(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "recorded")
    app = make_home(tmp_path / "recorded", assets=2, file_ops=recorder)
    app.worker.drain()
    app.queue.close()
    shutil.copytree(tmp_path / "recorded", tmp_path / "copy")
    recorder.take()
    toggle = Toggle(app)
    for number in range(3):
        toggle.enqueue(asset_name(number % 2))
        app.worker.drain()
    app.close()
    replay = Replay(tmp_path / "copy", tmp_path / "copy" / app.home.sql.relative_to(app.home.root))
    replay.play(replay.prepared(recorder.take()))
    replay.close()
    for part in ("state/managed_state.json", "state/audit/audit.jsonl"):
        assert (tmp_path / "copy" / part).read_bytes() == (tmp_path / "recorded" / part).read_bytes(), part
    versions = "backups/managed_state"
    names = sorted(path.name for path in (tmp_path / "recorded" / versions).iterdir())
    assert sorted(path.name for path in (tmp_path / "copy" / versions).iterdir()) == names
    copied = open_engine(tmp_path / "copy" / app.home.sql.relative_to(app.home.root))
    with reading(copied) as connection:
        states = connection.execute(select(commands.c.state).order_by(commands.c.id.desc())).scalars().all()
    copied.dispose()
    assert list(states) == [row.state.value for row in app.queue.list()] == ["applied"] * 3
    app.close()


def test_a_full_run_renews_the_page_between_its_marks_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n{BEGIN}\nstale figures\n{END}\nAfter.\n", encoding="utf-8")
    results = [
        compare("x", ours=3, theirs=1, unit="ms", against="y", times=2.0),
        bounded("z", value=0.25, unit="%", at_most=0.5),
        told("w", value=1_234.5, unit="tasks/s"),
    ]
    for _ in range(2):
        write_page(results, page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"Before.\n{BEGIN}\n")
    assert text.endswith(f"{END}\nAfter.\n")
    assert "stale" not in text
    assert "| x | 3 ms | y | 3.00 | at most 2.0 times | **missed** |" in text
    assert "| z | 0.25 % |  |  | at most 0.5 % | holds |" in text
    assert "| w | 1,234 tasks/s |" in text
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="no <!-- bench"):
        write_page(results, page)


def test_the_peers_are_no_part_of_the_product() -> None:
    product = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    for name in ("huey", "litequeue", "persist-queue", "procrastinate"):
        assert name not in product
