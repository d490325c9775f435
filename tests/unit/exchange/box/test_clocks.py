from bot.exchange.box.clock import AuthClock, MarketClock


class Machine:
    def __init__(self) -> None:
        self.ns = 10**18

    def __call__(self) -> int:
        return self.ns


def test_the_auth_clock_is_wall_time_plus_skew() -> None:
    clock = AuthClock(Machine())
    clock.skew_ms = -1_500
    assert clock.now_ms() == 10**12 - 1_500


def test_market_time_runs_at_its_speed() -> None:
    machine = Machine()
    clock = MarketClock(start_ms=1_000, speed=100.0, source=machine)
    machine.ns += 2 * 10**9
    assert clock.now_ms() == 1_000 + 200_000


def test_a_stopped_market_moves_by_steps_only() -> None:
    machine = Machine()
    clock = MarketClock(start_ms=1_000, speed=0, source=machine)
    machine.ns += 10**12
    assert clock.now_ms() == 1_000
    assert clock.advance(500) == 1_500
    assert clock.now_ms() == 1_500


def test_a_change_of_speed_is_no_jump() -> None:
    machine = Machine()
    clock = MarketClock(start_ms=0, speed=10.0, source=machine)
    machine.ns += 10**9
    clock.set_speed(1.0)
    assert clock.now_ms() == 10_000
    machine.ns += 10**9
    assert clock.now_ms() == 11_000


def test_market_time_never_steps_back_with_the_machine() -> None:
    machine = Machine()
    clock = MarketClock(start_ms=0, speed=1.0, source=machine)
    machine.ns += 10**9
    seen = clock.now_ms()
    machine.ns -= 5 * 10**9
    assert clock.now_ms() == seen
