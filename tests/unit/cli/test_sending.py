"""The sending options as one value."""

from bot.cli.sending import Sending


def test_each_of_several_commands_has_a_key_of_its_own() -> None:
    assert Sending(key="k").part("SOL").key == "k-SOL"
    assert Sending().part("SOL").key is None
    assert Sending(wait=False, dry_run=True, key="k").part("x") == Sending(
        wait=False, dry_run=True, key="k-x"
    )
