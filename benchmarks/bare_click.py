"""The program that `bot --help` is held against: click with one command, and rich imported."""

import click
import rich.console
import rich.table


@click.group()
def program() -> None:
    """Do next to nothing."""


@program.command()
def hello() -> None:
    """Say hello."""
    table = rich.table.Table("hello")
    rich.console.Console().print(table)


if __name__ == "__main__":
    program()
