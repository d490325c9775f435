"""Rules 8, 10 and 13: help that helps, and at once."""

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from bot.cli.entry import root
from bot.cli.help import examples_of
from bot.kernel.reasons import REASONS
from tests.architecture.source_tree import python_files, string_literals
from tests.fakes.cli_calls import REPOSITORY

_TYPED = re.compile(r"\bbot((?: [a-z][a-z-]*)+)")
HEAVY = ("ccxt", "sqlalchemy", "numpy", "talib", "aiohttp", "jsonschema", "requests")
_RUN = f"""
import sys
from bot.cli.entry import run
code = run(sys.argv[1:])
print("loaded:", *sorted(set({HEAVY!r}) & set(sys.modules)))
sys.exit(code)
"""


def commands(
    command: click.Command = root, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*path, name))


ALL = dict(commands())
LEAVES = {path: command for path, command in ALL.items() if not isinstance(command, click.Group)}


def help_of(path: tuple[str, ...]) -> str:
    return ALL[path].get_help(click.Context(ALL[path], info_name=" ".join(("bot", *path))))


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help_says_what_it_does_then_two_examples_then_the_flags(path: tuple[str, ...]) -> None:
    text = help_of(path)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    assert lines[0].startswith(f"Usage: bot {' '.join(path)}")
    assert re.match(r"[A-Z][a-z]+:? ", lines[1]), lines[1]
    examples = examples_of(LEAVES[path])
    assert len(examples) >= 2
    places = [text.index(f"  {example}\n") for example in examples]
    assert max(places) < text.index("Options:")
    for example in examples:
        words = re.sub(r"--home \S+ ", "", example).split()
        assert tuple(words[1 : 1 + len(path)]) == path


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_offers_json(path: tuple[str, ...]) -> None:
    assert any("--json" in parameter.opts for parameter in LEAVES[path].params)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_the_list_of_a_group_says_what_the_command_says(path: tuple[str, ...]) -> None:
    assert ALL[path].help
    assert "--help" in help_of(path)


def unknown_path(words: list[str]) -> str | None:
    """Return the first word that is no command where it stands, or None."""
    path: tuple[str, ...] = ()
    for word in words:
        if not isinstance(ALL[path], click.Group):
            return None
        path = (*path, word)
        if path not in ALL:
            return word
    return None


def typed_in(text: str) -> Iterator[list[str]]:
    yield from (found.split() for found in _TYPED.findall(text))


@pytest.mark.parametrize("code", REASONS)
def test_what_a_reason_tells_to_do_can_be_typed(code: str) -> None:
    for words in typed_in(REASONS[code].help):
        assert unknown_path(words[:1]) is None, words
        if isinstance(ALL[(words[0],)], click.Group):
            assert len(words) > 1, f"{words}: a group alone does nothing"
            assert unknown_path(words[:2]) is None, words


def test_what_the_code_tells_to_do_can_be_typed() -> None:
    told = re.compile(r"(?:[:;,(`] ?|then )bot((?: [a-z][a-z-]*){1,2})")
    wrong = [
        (source.at(node), words)
        for source in python_files("bot")
        for node in string_literals(source)
        for words in (found.split() for found in told.findall(str(node.value)))
        if words[0] != "or"  # "user, bot or system" is no call
        if unknown_path(words[:1]) or (isinstance(ALL[(words[0],)], click.Group) and unknown_path(words[:2]))
    ]
    assert wrong == []


@pytest.mark.parametrize("path", [(), ("holdings",), ("proposals",), ("audit",), ("settings",)], ids=str)
def test_help_loads_nothing_heavy(path: tuple[str, ...]) -> None:
    assert loaded([*path, "--help"]) == "loaded:"


def loaded(words: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *words], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 3}, done.stderr
    return done.stdout.splitlines()[-1].strip()


def test_status_loads_no_exchange_and_no_database() -> None:
    assert not {"ccxt", "sqlalchemy", "talib", "aiohttp"} & set(
        loaded(["--home", "nowhere", "status"]).split()
    )
