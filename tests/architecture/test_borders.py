"""Only `app/` reads the clock and the environment; only `storage/` touches files.

The box is another program: it has a clock of its own, and two files of its own.
"""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source_tree import SourceFile, dotted, imported_modules, parse, python_files, under

CLOCK_READERS = ("bot/app/clock.py", "bot/exchange/box/clock.py")
ENVIRONMENT_READERS = ("bot/app",)
FILE_TOUCHERS = (
    "bot/storage",
    "bot/exchange/box/market_replay.py",
    "bot/exchange/box/persistence.py",
)

CLOCK_CALLS = re.compile(
    r"(time\.(time|time_ns|monotonic|monotonic_ns|perf_counter|perf_counter_ns|sleep|gmtime|localtime)"
    r"|(dt\.|datetime\.)?(datetime|date)\.(now|utcnow|today))"
)
ENVIRONMENT_NAMES = re.compile(r"os\.(environ|environb|getenv|putenv|unsetenv)")
FILE_CALLS = re.compile(
    r"open"
    r"|(io|gzip|bz2|lzma|codecs|tarfile)\.open"
    r"|os\.(open|fdopen|rename|renames|replace|link|symlink|unlink|remove|removedirs|mkdir|makedirs|rmdir|chmod"
    r"|truncate|ftruncate|fsync|fdatasync|write|scandir|listdir|walk|mkfifo)"
    r"|shutil\.\w+|tempfile\.\w+"
    r"|.*\.(read_text|read_bytes|write_text|write_bytes|touch|unlink|rmdir|mkdir|hardlink_to|symlink_to|rename"
    r"|iterdir|rglob)"
)
PATH_OPEN = re.compile(r".*([Pp]ath|file|folder|\?)\.open")


def calls(source: SourceFile) -> Iterator[tuple[str, ast.Call]]:
    """Yield (dotted name, call) of every call in a file."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield dotted(node.func), node


def clock_readings(source: SourceFile) -> list[str]:
    """Return where a file asks the machine for the time, or waits on it."""
    found = [f"{source.at(node)} {name}" for name, node in calls(source) if CLOCK_CALLS.fullmatch(name)]
    return found + [
        f"{source.at(statement)} {module}"
        for module, statement in imported_modules(source)
        if isinstance(statement, ast.ImportFrom) and CLOCK_CALLS.fullmatch(module)
    ]


def environment_readings(source: SourceFile) -> list[str]:
    """Return where a file looks at environment variables."""
    found = [
        f"{source.at(node)} {dotted(node)}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and ENVIRONMENT_NAMES.fullmatch(dotted(node))
    ]
    return found + [
        f"{source.at(statement)} {module}"
        for module, statement in imported_modules(source)
        if isinstance(statement, ast.ImportFrom) and ENVIRONMENT_NAMES.fullmatch(module)
    ]


def file_touches(source: SourceFile) -> list[str]:
    """Return where a file opens, makes, renames or removes something on disk."""
    return [
        f"{source.at(node)} {name}"
        for name, node in calls(source)
        if FILE_CALLS.fullmatch(name) or PATH_OPEN.fullmatch(name)
    ]


def test_only_the_clock_module_reads_the_clock() -> None:
    others = [source for source in python_files("bot") if not under(source.path, *CLOCK_READERS)]
    assert [place for source in others for place in clock_readings(source)] == []


def test_only_the_wiring_reads_the_environment() -> None:
    others = [source for source in python_files("bot") if not under(source.path, *ENVIRONMENT_READERS)]
    assert [place for source in others for place in environment_readings(source)] == []


def test_only_storage_touches_files() -> None:
    others = [source for source in python_files("bot") if not under(source.path, *FILE_TOUCHERS)]
    assert [place for source in others for place in file_touches(source)] == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.time()",
        "dt.datetime.now(dt.UTC)",
        "datetime.now()",
        "from time import sleep",
        "time.sleep(1)",
    ],
)
def test_the_rule_finds_a_look_at_the_clock(text: str) -> None:
    assert clock_readings(parse(text))


def test_asking_the_injected_clock_is_fine() -> None:
    assert clock_readings(parse("clock.now()\nself._clock.sleep(1)\nclock.monotonic()")) == []


@pytest.mark.parametrize("text", ["os.environ['X']", "os.getenv('X')", "from os import environ"])
def test_the_rule_finds_a_look_at_the_environment(text: str) -> None:
    assert environment_readings(parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "open('x')",
        "Path('x').open()",
        "path.write_text('')",
        "os.rename('a', 'b')",
        "self.path.open('w')",
        "home.root.mkdir()",
        "shutil.rmtree('x')",
        "gzip.open('x')",
        "(folder / 'x').open('rb')",
    ],
)
def test_the_rule_finds_a_touched_file(text: str) -> None:
    assert len(file_touches(parse(text))) == 1


@pytest.mark.parametrize(
    "text", ["candle.open", "text.replace('a', 'b')", "at.replace(tzinfo=None)", "book.open_orders()"]
)
def test_words_that_only_sound_like_files_are_fine(text: str) -> None:
    assert file_touches(parse(text)) == []
