"""Where each number comes from: every one is explained, nothing named is missing, and the sums come out."""

from decimal import Decimal
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from bot.app.core import HomeContext
from bot.app.proposal_explanation import (
    Explained,
    entering_paths,
    explain,
    formula_of,
    kept_values,
    source_words,
    sources_of,
)
from bot.app.proposal_formulas import FORMULAS
from bot.app.proposal_formulas_rehearsal import REHEARSAL
from bot.app.proposal_paths import Leaf, fitted, leaves_of
from bot.kernel.errors import UsageError
from bot.lifecycle.command_payloads import EntryMethod
from bot.proposals.inputs import InputKind
from tests.unit.app.proposal_pages import document_of, full_facts, new_home

D = Decimal
HUNDRED = D(100)


@pytest.fixture
def context(tmp_path: Path) -> HomeContext:
    return new_home(tmp_path / "home")


def is_number(value: Leaf) -> bool:
    return isinstance(value, Decimal | int) and not isinstance(value, bool)


@pytest.mark.parametrize("method", [EntryMethod.COST_BASIS, EntryMethod.VWAP, EntryMethod.CURRENT_PRICE])
def test_every_number_of_a_proposal_has_a_formula(method: EntryMethod) -> None:
    leaves = leaves_of(document_of(method=method))
    numbers = [path for path, value in leaves.items() if is_number(value) and not path.startswith("inputs.")]
    assert len(numbers) > 100
    assert [path for path in numbers if formula_of(path) is None] == []


def test_whatever_enters_a_number_is_a_value_of_the_document_or_of_a_kept_input(context: HomeContext) -> None:
    document = document_of(home=context)
    known = set(leaves_of(document)) | set(kept_values(context, document))
    may_be_absent = {"request.quantity"}
    missing = {
        (path, name)
        for path in leaves_of(document)
        for name in entering_paths(path)
        if name not in known | may_be_absent
    }
    assert missing == set()


def test_no_number_enters_itself_by_a_detour(context: HomeContext) -> None:
    graph = {path: set(entering_paths(path)) - {path} for path in leaves_of(document_of(home=context))}
    TopologicalSorter(graph).prepare()  # raises for a circle


def test_no_row_of_the_tables_is_for_a_number_that_no_proposal_has() -> None:
    asked = ("request.quantity", "request.synthetic_entry_value", "entry_price_source.unpriced_quantity")
    paths = set(leaves_of(document_of()))
    unused = [
        pattern
        for pattern in FORMULAS | REHEARSAL
        if not any(fitted(pattern, path) is not None for path in paths) and not pattern.endswith(asked)
    ]
    assert unused == []


def of(lines: tuple[Explained, ...], path: str) -> tuple[Decimal, dict[str, Decimal]]:
    line = next(line for line in lines if line.path == path)
    entering = {item.path.rsplit(".", 1)[-1]: item.value for item in line.enters}
    return D(str(line.value)), {name: D(str(value)) for name, value in entering.items() if is_number(value)}


@pytest.mark.parametrize("variant", ["recommended", "conservative", "aggressive"])
def test_what_enters_gives_the_number_that_is_explained(context: HomeContext, variant: str) -> None:
    lines = explain(context, document_of(home=context))
    pct, given = of(lines, f"variants.{variant}.stop_loss_pct")
    exact = (given["reference_price"] - given["stop_loss"]) / given["reference_price"] * HUNDRED
    assert abs(pct - exact) <= D("0.005")
    ratio, given = of(lines, f"variants.{variant}.rr_ratio")
    gain, risk = (
        given["take_profit"] - given["reference_price"],
        given["reference_price"] - given["stop_loss"],
    )
    assert abs(ratio - gain / risk) <= D("0.005")
    loss, given = of(lines, f"variants.{variant}.loss_at_stop_usdt")
    exact = given["quantity"] * (given["reference_price"] - given["stop_loss"])
    assert D(0) <= loss - exact <= D("0.01")
    stop, given = of(lines, f"variants.{variant}.stop_loss")
    plain_stop = given["reference_price"] - given["stop_atr"] * given["atr_14d"]
    assert abs(stop - plain_stop) <= given["atr_14d"] * D("0.56")  # pulled by half an ATR at most
    budget, given = of(lines, "risk_recommendation.limits.risk_budget_usdt")
    assert budget == given["portfolio_value_usdt"] * given["risk_per_trade_share"]


def test_the_overall_score_is_the_weighted_mean_of_what_enters_it(context: HomeContext) -> None:
    document = document_of(home=context)
    line = next(
        line for line in explain(context, document, "overall_score") if line.path.endswith("overall_score")
    )
    values = {item.path: D(str(item.value)) for item in line.enters}
    scores = {path: value for path, value in values.items() if path.endswith(".score")}
    assert len(scores) == 5
    total = sum((value * values[path.replace(".score", ".weight")] for path, value in scores.items()), D(0))
    assert abs(D(str(line.value)) - total) <= D("0.005")


def test_a_number_names_the_inputs_that_it_hangs_on_by_any_way() -> None:
    assert sources_of("market_context.spread_pct") == (InputKind.ORDER_BOOK,)
    stop = sources_of("variants.recommended.stop_loss")
    assert {InputKind.TICKER, InputKind.CANDLES_DAILY, InputKind.POLICY, InputKind.MARKET_RULES} <= set(stop)
    assert InputKind.ORDER_BOOK not in stop  # no level hangs on the book


def test_a_field_is_found_by_its_name_its_part_or_its_whole_path(context: HomeContext) -> None:
    document = document_of()
    by_name = explain(context, document, "stop_loss")
    assert {line.path for line in by_name} == {
        f"variants.{name}.stop_loss" for name in ("recommended", "conservative", "aggressive")
    }
    assert len(explain(context, document, "variants.aggressive.stop_loss")) == 1
    assert len(explain(context, document, "rehearsal")) > 30
    with pytest.raises(UsageError, match="no number nonsense"):
        explain(context, document, "nonsense")


def test_a_risk_model_that_is_not_kept_any_more_leaves_its_numbers_out(context: HomeContext) -> None:
    (line,) = explain(context, document_of(), "variants.recommended.stop_loss")
    assert "policy.variants.recommended.stop_atr" not in {item.path for item in line.enters}
    assert "risk_recommendation.reference_price" in {item.path for item in line.enters}


def test_an_input_is_named_with_its_rows_times_and_digest() -> None:
    document = document_of(full_facts())
    words = source_words(document, "candles_daily")
    record = next(one for one in document["inputs"] if one["source"] == "candles_daily")
    for part in ("candles_daily 1d", "400 rows", record["first_at"], record["sha256"][:8]):
        assert part in words
    assert "not named" in source_words(document, "elsewhere")
