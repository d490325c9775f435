"""Settings: five sources, one winner each, and nothing unknown anywhere."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from bot.app.settings import Settings, resolve
from bot.app.settings_table import SETTINGS
from bot.kernel.errors import SettingsError

NAME, VARIABLE = "trading.cycle_s", "BOT_TRADING_CYCLE_S"
SECRET = "hush-hush-0123456789"  # noqa: S105 - made up, to look for it


def settings(
    *,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    runtime: Mapping[str, Any] | None = None,
    file: Mapping[str, Any] | None = None,
) -> Settings:
    return resolve(flags=flags or {}, environ=environ or {}, runtime=runtime or {}, file=file or {})


def origin_of(found: Settings, name: str = NAME) -> tuple[Any, str]:
    value = next(value for value in found.all() if value.setting.name == name)
    return value.value, value.origin


def test_flag_beats_environment_beats_runtime_beats_file_beats_default() -> None:
    layers: dict[str, Any] = {
        "flags": {NAME: 1},
        "environ": {VARIABLE: "2"},
        "runtime": {NAME: 3},
        "file": {"trading": {"cycle_s": 4}},
    }
    expected = [
        (Decimal(1), "command line"),
        (Decimal(2), f"environment ({VARIABLE})"),
        (Decimal(3), "runtime config"),
        (Decimal(4), "bot.toml"),
        (Decimal(5), "default"),
    ]
    for value_and_origin in expected:
        assert origin_of(settings(**layers)) == value_and_origin
        if layers:
            layers.pop(next(iter(layers)))


def test_an_empty_variable_counts_as_not_set() -> None:
    assert origin_of(settings(environ={VARIABLE: ""})) == (Decimal(5), "default")


def test_every_setting_has_one_variable_and_a_default_that_fits() -> None:
    variables = [row.variable for row in SETTINGS]
    assert len(set(variables)) == len(variables)
    for row in SETTINGS:
        assert row.meaning.endswith("."), row.name
        if row.default not in {"", ()} and row.name != "paper.opening":
            assert row.read(row.default) == row.default


@pytest.mark.parametrize(
    ("layers", "tells"),
    [
        ({"flags": {"trading.cycle": 1}}, "command line"),
        ({"environ": {"BOT_TRADING_CYCLE": "1"}}, "environment"),
        ({"runtime": {"trading.cycle": 1}}, "runtime config"),
        ({"file": {"trading": {"cycle": 1}}}, "bot.toml"),
        ({"file": {"tradign": {"cycle_s": 1}}}, "bot.toml"),
    ],
)
def test_an_unknown_key_is_an_error_in_every_source(layers: dict[str, Any], tells: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**layers)
    assert caught.value.code == "setting_unknown"
    assert tells in caught.value.why


def test_a_slip_gets_a_hint_and_nonsense_gets_none() -> None:
    with pytest.raises(SettingsError, match=r"Did you mean BOT_TRADING_CYCLE_S\?"):
        settings(environ={"BOT_TRADING_CYCLES_S": "1"})
    with pytest.raises(SettingsError) as caught:
        settings(environ={"BOT_XYZZY": "1"})
    assert "Did you mean" not in caught.value.why


def test_variables_that_are_no_settings_are_left_alone() -> None:
    settings(
        environ={
            "BOT_HOME": "/x",
            "BOT_DEBUG": "1",
            "BOT_TEST_OHLCV": "/y",
            "BOT_TEST_ANY": "1",
            "PATH": "/bin",
        }
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trading.cycle_s", "fast"),
        ("trading.cycle_s", 0),
        ("trading.cycle_s", True),
        ("lifecycle.variants", ["reckless"]),
        ("lifecycle.variants", 3),
        ("lifecycle.reengage", "always"),
        ("lifecycle.min_entry_stop_pct", Decimal("0.5")),
        ("risk.blacklist", "sol"),
        ("paper.opening", 5),
        ("paper.opening", "SOL"),
        ("quote", ""),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_would(name: str, value: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(runtime={name: value})
    assert caught.value.code == "setting_invalid"
    assert name in caught.value.what
    assert "expected" in caught.value.why


def test_amounts_may_be_text_or_a_table() -> None:
    expected = (("SOL", Decimal("2.5")), ("USDT", Decimal(100)))
    assert settings(environ={"BOT_PAPER_OPENING": "SOL=2.5,USDT=100"})["paper.opening"] == expected
    table = {"paper": {"opening": {"SOL": "2.5", "USDT": 100}}}
    assert settings(file=table)["paper.opening"] == expected


def test_a_secret_is_never_shown() -> None:
    found = settings(
        environ={
            "BOT_EXCHANGE_SECRET": SECRET,
            "BOT_EXCHANGE_API_KEY": SECRET,
            "BOT_DATABASE_URL": f"postgresql://bot:{SECRET}@db/x",
        }
    )
    assert found["exchange.secret"] == SECRET
    assert all(SECRET not in value.shown for value in found.all())
    shown = {value.setting.name: value.shown for value in found.all()}
    assert (shown["exchange.secret"], shown["database.url"]) == ("(set)", "(set)")
    assert {value.shown for value in settings().all() if value.setting.secret} == {"(not set)"}


def test_a_secret_does_not_stand_in_the_file_and_no_error_repeats_it() -> None:
    with pytest.raises(SettingsError) as caught:
        settings(file={"exchange": {"secret": SECRET}})
    assert SECRET not in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        settings(flags={"exchange.secret": [SECRET]})
    assert SECRET not in str(caught.value)


def test_users_are_read_strictly() -> None:
    found = settings(file={"users": {"ann": {"role": "operator", "os_user": "ann"}}})
    assert found.role_of("user_ann") == "operator"
    assert found.role_of("user_bob") is None
    with pytest.raises(SettingsError, match="users"):
        settings(file={"users": {"ann": {"role": "emperor", "os_user": "ann"}}})
