"""Putting a command on the bus: valid to the letter, attributed, recognisable when it comes again."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.commands.bus import CommandMaker, parse_payload
from bot.commands.registry import SPECS
from bot.kernel.errors import RefusedError, UsageError
from bot.lifecycle import command_payloads as p
from bot.lifecycle.buy_payloads import CloseBuyIntent, OpenBuyIntent, RecordManagedBuy
from bot.lifecycle.commands import CommandType as C
from bot.lifecycle.commands import NewCommand
from bot.lifecycle.dca_terms import DcaTerms
from bot.lifecycle.documents import ExitReason, Exits
from bot.lifecycle.roles import Role, User
from bot.lifecycle.trailing_terms import Trail, TrailingTerms
from bot.storage.files.json_codec import decode_strict, encode
from bot.storage.schema_check import product_schemas
from tests.fakes.fake_clock import START, FakeClock
from tests.fakes.sequential_ids import SequentialIds, nth_id

D = Decimal
USERS = {"ann": User(role=Role.ADMIN, os_user="ann"), "otto": User(role=Role.OPERATOR, os_user="otto")}
DIGEST = "d" * 64
NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
SENDERS = {"user": "user_ann", "bot": "bot", "system": "system"}
BASELINE: dict[str, Any] = {
    "captured_at": "2026-05-03T12:00:00Z",
    "source": "box",
    "wallet_signature": DIGEST,
    "default_policy_for_unlisted": "frozen",
    "tradable_quote": ["USDT"],
    "assets": {"SOL": {"policy": "frozen", "quantity": D("25.5")}},
}
TRAILING = TrailingTerms(
    enabled=True,
    activation_price=D(120),
    activation_pct=D(1),
    activation_atr=D(1),
    distance=D(5),
    distance_pct=D(4),
    distance_atr=D(1),
)
DCA = DcaTerms(steps=3, step_pct=D("2.5"), max_additional_usdt=D(300))
FULL: dict[C, p.Payload] = {
    C.REQUEST_MANAGED_PROPOSAL: p.RequestManagedProposal(
        quantity=D("7.5"), synthetic_entry_method=p.EntryMethod.MANUAL, synthetic_entry_value=D("0.00000001")
    ),
    C.BEGIN_MANAGED_PROPOSAL: p.BeginManagedProposal(proposal_id="p1", new_proposal_id="p2"),
    C.COMPLETE_MANAGED_PROPOSAL: p.CompleteManagedProposal(
        proposal_id="p1", proposal_digest=DIGEST, generated_at=NOW, expires_at=NOW
    ),
    C.ABORT_MANAGED_PROPOSAL: p.AbortManagedProposal(
        proposal_id="p1", reason_code="no_balance", sentence="x"
    ),
    C.APPROVE_MANAGED_PROPOSAL: p.ApproveManagedProposal(
        proposal_id="p1",
        proposal_digest=DIGEST,
        variant="recommended",
        confirm="SOL:recommended",
        overrides=p.LevelOverrides(
            stop_loss=D(90), take_profit=D(130), max_allocation_usdt=D(1), trailing=TRAILING, dca=DCA
        ),
    ),
    C.REJECT_MANAGED_PROPOSAL: p.RejectManagedProposal(proposal_id="p1", reason="no"),
    C.EXPIRE_MANAGED_PROPOSAL: p.ExpireManagedProposal(proposal_id="p1", cause="stale"),
    C.PAUSE_MANAGED_ASSET: p.PauseManagedAsset(exits=Exits.OFF, reason="FOMC"),
    C.RESUME_MANAGED_ASSET: p.ResumeManagedAsset(reason="x", override=True, accept="current"),
    C.RELEASE_MANAGED_ASSET: p.ReleaseManagedAsset(),
    C.COMPLETE_MANAGED_RELEASE: p.CompleteManagedRelease(reason="x"),
    C.SETTLE_MANAGED_ASSET: p.SettleManagedAsset(reason="x"),
    C.FLAG_MANAGED_DRIFT: p.FlagManagedDrift(drift_kind="qty", evidence={"there": D("1.5")}, fingerprint="f"),
    C.UPDATE_MANAGED_DRIFT: p.UpdateManagedDrift(drift_kind="qty", evidence={"there": D("1.5")}, gone=True),
    C.SET_REFERENCE_REGIME: p.SetReferenceRegime(regime="BULL", evidence={"current_regime": "BULL"}),
    C.OVERRIDE_MANAGED_LEVELS: p.OverrideManagedLevels(
        reason="x",
        stop_loss=D(90),
        take_profit=D(130),
        max_allocation_usdt=D(1),
        trailing=TRAILING,
        dca=DCA,
        synthetic_entry_value=D(80),
    ),
    C.FORCE_MANAGED_EXIT: p.ForceManagedExit(confirm="SOL:exit", reason="out"),
    C.OPEN_EXIT_INTENT: p.OpenExitIntent(
        client_order_id="o1",
        quantity=D("1.5"),
        reason=ExitReason.STOP_LOSS,
        trigger_price=D(120),
        trail=Trail(highest_price=D(130), tick_size=D("0.01"), trailing_from=NOW),
    ),
    C.CLOSE_EXIT_INTENT: p.CloseExitIntent(
        client_order_id="o1", reason_code="x", text="y", filled_quantity=D(1), filled_quote=D(90)
    ),
    C.RECORD_MANAGED_EXIT: p.RecordManagedExit(
        client_order_id="o1",
        exchange_order_id="x1",
        order_status="filled",
        is_final=True,
        filled_quantity=D("1.5"),
        filled_quote=D(195),
        fees=(p.PaidFee(asset="USDT", amount=D("0.195")),),
        rest_is_dust=True,
        late=p.LateBasis(
            proposal_id="p1",
            reason=ExitReason.STOP_LOSS,
            booked_quantity=D(1),
            booked_quote=D(90),
            booked_fee=D("0.1"),
        ),
    ),
    C.OPEN_RESTING_STOP: p.OpenRestingStop(
        client_order_id="o1",
        quantity=D("1.5"),
        stop_price=D(120),
        limit_price=D(119),
        trail=Trail(highest_price=D(130), tick_size=D("0.01"), trailing_from=NOW),
    ),
    C.CLOSE_RESTING_STOP: p.CloseRestingStop(client_order_id="o1", reason_code="x", text="y"),
    C.OPEN_BUY_INTENT: OpenBuyIntent(
        client_order_id="o1",
        quantity=D("1.5"),
        limit_price=D(99),
        step=1,
        trigger_price=D(98),
        capped_by="hard_cap",
    ),
    C.CLOSE_BUY_INTENT: CloseBuyIntent(client_order_id="o1", reason_code="x", text="y"),
    C.RECORD_MANAGED_BUY: RecordManagedBuy(
        client_order_id="o1",
        exchange_order_id="x1",
        order_status="filled",
        is_final=True,
        filled_quantity=D("1.5"),
        filled_quote=D(148),
        fees=(p.PaidFee(asset="SOL", amount=D("0.0015")),),
    ),
    C.HALT_TRADING: p.HaltTrading(text="x", exits=Exits.OFF, cause="stale_data"),
    C.UPDATE_TRADING_HALT: p.UpdateTradingHalt(cause_is_there=False, text="x"),
    C.RESUME_TRADING: p.ResumeTrading(confirm="resume:stale_data", reason="x", accept=True),
    C.APPLY_BASELINE_HOLDINGS: p.ApplyBaselineHoldings(baseline=BASELINE),
    C.CLEAR_BASELINE_HOLDINGS: p.NoPayload(),
    C.APPLY_RUNTIME_CONFIG: p.ApplyRuntimeConfig(
        settings={"lifecycle.cooldown_hours": 48}, based_on_serial=3, confirm="lifecycle.cooldown_hours"
    ),
    C.CLEAR_RUNTIME_CONFIG: p.ClearRuntimeConfig(based_on_serial=3, confirm="lifecycle.cooldown_hours"),
    C.ADD_USER: p.AddUser(user="bob", role=Role.ADMIN, os_user="bob", confirm="bob:admin"),
    C.SET_USER_ROLE: p.SetUserRole(user="otto", role=Role.ADMIN, confirm="otto:admin"),
    C.REMOVE_USER: p.RemoveUser(user="otto"),
    C.RESTORE_MANAGED_STATE: p.RestoreManagedState(serial=7),
    C.ADOPT_MANAGED_STATE: p.AdoptManagedState(file_digest=DIGEST),
}


@pytest.fixture
def maker() -> CommandMaker:
    return CommandMaker(clock=FakeClock(), ids=SequentialIds(), schemas=product_schemas(), users=USERS)


def make(maker: CommandMaker, command: C, payload: Any = None, **more: Any) -> NewCommand:
    spec = SPECS[command]
    asset = "*" if spec.concerns_all else "SOL"
    words = FULL[command] if payload is None else payload
    return maker.make(command, asset, words, **{"actor": SENDERS[spec.actor], **more})


def test_there_is_an_example_of_every_command_with_every_field_set() -> None:
    assert set(FULL) == set(C)
    defaulted = {C.RELEASE_MANAGED_ASSET}  # its one field is a choice of two
    for command in set(C) - defaulted:
        plain = msgspec.to_builtins(FULL[command], builtin_types=(Decimal,))
        assert set(plain) == set(p.PAYLOADS[command].__struct_fields__), command


@pytest.mark.parametrize("command", SPECS)
def test_what_the_python_type_says_the_schema_lets_in_and_the_applier_reads_back(
    maker: CommandMaker, command: C
) -> None:
    made = make(maker, command)
    stored = decode_strict(encode(made.payload))
    assert parse_payload(command, stored) == FULL[command]


@pytest.mark.parametrize("command", C)
def test_every_full_payload_fits_its_schema(command: C) -> None:
    """Also of commands that cannot be sent yet."""
    plain = decode_strict(encode(msgspec.to_builtins(FULL[command], builtin_types=(Decimal,))))
    assert product_schemas().problems(f"commands/{command}", plain) == ()


@pytest.mark.parametrize("command", C)
def test_schema_and_type_ask_for_the_same_fields_and_refuse_unknown_ones(command: C) -> None:
    plain = decode_strict(encode(msgspec.to_builtins(FULL[command], builtin_types=(Decimal,))))
    kind = p.PAYLOADS[command]
    for name in plain:
        without = {key: value for key, value in plain.items() if key != name}
        fits = not product_schemas().problems(f"commands/{command}", without)
        assert fits == _converts(without, kind), f"{command} without {name}"
    unknown = {**plain, "surprise": 1}
    assert product_schemas().problems(f"commands/{command}", unknown)
    assert not _converts(unknown, kind)


def _converts(plain: object, kind: type[p.Payload]) -> bool:
    try:
        msgspec.convert(plain, kind)
    except msgspec.ValidationError:
        return False
    return True


def test_a_command_is_attributed_dated_and_ranked(maker: CommandMaker) -> None:
    made = make(maker, C.PAUSE_MANAGED_ASSET)
    assert (made.uid, made.idempotency_key) == (nth_id(1), nth_id(1))
    assert (made.actor, made.asset, made.created_at) == ("user_ann", "SOL", START)
    assert made.priority == SPECS[C.PAUSE_MANAGED_ASSET].priority
    assert made.payload == {"exits": "off", "reason": "FOMC"}


def test_the_clients_key_and_a_derived_id_are_kept(maker: CommandMaker) -> None:
    made = make(maker, C.PAUSE_MANAGED_ASSET, idempotency_key="mine", uid="derived")
    assert (made.uid, made.idempotency_key) == ("derived", "mine")


def test_the_same_request_has_the_same_hash_and_another_one_another(maker: CommandMaker) -> None:
    first = make(maker, C.PAUSE_MANAGED_ASSET).request_hash
    assert make(maker, C.PAUSE_MANAGED_ASSET, {"reason": "FOMC", "exits": "off"}).request_hash == first
    assert make(maker, C.PAUSE_MANAGED_ASSET, {"exits": "off"}).request_hash != first
    ether = maker.make(C.PAUSE_MANAGED_ASSET, "ETH", FULL[C.PAUSE_MANAGED_ASSET], actor="user_ann")
    assert ether.request_hash != first


@pytest.mark.parametrize("unknown", ["", "sell_everything", "PAUSE_MANAGED_ASSET"])
def test_an_unknown_command_is_refused(maker: CommandMaker, unknown: str) -> None:
    with pytest.raises(UsageError) as refusal:
        maker.make(unknown, "SOL", {}, actor="user_ann")
    assert refusal.value.code == "unknown_command"


@pytest.mark.parametrize("asset", ["", "sol", "*", "SOL/USDT", "../state"])
def test_a_command_is_about_one_asset(maker: CommandMaker, asset: str) -> None:
    with pytest.raises(UsageError, match="no asset"):
        maker.make(C.PAUSE_MANAGED_ASSET, asset, {}, actor="user_ann")


@pytest.mark.parametrize("command", [command for command, spec in SPECS.items() if spec.concerns_all])
def test_a_command_about_a_whole_document_names_no_single_asset(maker: CommandMaker, command: C) -> None:
    assert make(maker, command).asset == "*"
    with pytest.raises(UsageError):
        maker.make(command, "SOL", FULL[command], actor="user_ann")


def test_who_may_not_send_it_is_told_before_anything_else(maker: CommandMaker) -> None:
    for actor, words in (("user_otto", {"override": True, "reason": "x"}), ("bot", {"surprise": 1})):
        with pytest.raises(RefusedError) as refusal:
            make(maker, C.RESUME_MANAGED_ASSET, words, actor=actor)
        assert refusal.value.code == "role_missing"


@pytest.mark.parametrize(
    ("command", "words", "named"),
    [
        (C.PAUSE_MANAGED_ASSET, {"exits": "maybe"}, "exits"),
        (C.PAUSE_MANAGED_ASSET, {"until": "noon"}, "until"),
        (C.RESUME_MANAGED_ASSET, {}, "reason"),
        (C.APPROVE_MANAGED_PROPOSAL, {"proposal_id": "p1"}, "proposal_digest"),
        (C.REQUEST_MANAGED_PROPOSAL, {"quantity": "7"}, "quantity"),
        (C.OPEN_EXIT_INTENT, {"client_order_id": "o 1"}, "client_order_id"),
        (C.APPLY_BASELINE_HOLDINGS, {"baseline": {}}, "captured_at"),
    ],
)
def test_a_payload_that_does_not_fit_names_the_field(
    maker: CommandMaker, command: C, words: dict[str, Any], named: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        make(maker, command, words)
    assert refusal.value.code == "payload_invalid"
    assert named in refusal.value.why


def test_a_stored_payload_that_went_around_the_bus_is_refused() -> None:
    with pytest.raises(RefusedError) as refusal:
        parse_payload(C.PAUSE_MANAGED_ASSET, {"exits": "maybe"})
    assert refusal.value.code == "payload_invalid"


def test_a_command_can_be_told_as_json(maker: CommandMaker) -> None:
    for command in SPECS:
        assert json.loads(encode(make(maker, command).payload)) is not None
