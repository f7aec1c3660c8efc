"""The panel on mock pins: a light that blinks with each telegram, and a button that is held."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gpiozero.exc import PinInvalidPin
from gpiozero.pins.mock import MockFactory

from gateway.config import PanelConfig
from gateway.panel import (
    HOLD_S,
    GpioPanel,
    NoPanel,
    open_panel,
)

SETTINGS = PanelConfig()
HELD_S = 0.3


class Holds:
    """Counts how often the button was held."""

    def __init__(self) -> None:
        self.count = 0
        self.heard = threading.Event()

    def note(self) -> None:
        self.count += 1
        self.heard.set()


@pytest.fixture
def pins() -> Iterator[Any]:
    factory = MockFactory()
    yield factory
    factory.reset()


@pytest.fixture
def holds() -> Holds:
    return Holds()


@pytest.fixture
def panel(pins: Any, holds: Holds) -> Iterator[GpioPanel]:
    panel = GpioPanel(SETTINGS, holds.note, pins, hold_s=HELD_S)
    yield panel
    panel.close()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def states(pins: Any) -> list[bool]:
    return [bool(event.state) for event in pins.pin(SETTINGS.led_pin).states]


def test_the_light_blinks_once_for_each_telegram(panel: GpioPanel, pins: Any) -> None:
    led = pins.pin(SETTINGS.led_pin)
    led.clear_states()
    for beats in (1, 2, 3):
        panel.beat()
        until(lambda beats=beats: states(pins).count(True) == beats and not led.state)  # type: ignore[misc]
    time.sleep(0.25)  # longer than two blinks
    assert states(pins).count(True) == 3
    assert states(pins)[-1] is False


def test_telegrams_faster_than_the_light_do_no_harm(panel: GpioPanel, pins: Any) -> None:
    for _ in range(20):
        panel.beat()
    until(lambda: not pins.pin(SETTINGS.led_pin).state)


def test_a_held_button_calls_once(panel: GpioPanel, pins: Any, holds: Holds) -> None:
    button = pins.pin(SETTINGS.button_pin)
    button.drive_low()  # pressed: the button joins the pin to ground
    assert holds.heard.wait(5)
    time.sleep(2 * HELD_S)  # it is held on
    button.drive_high()
    assert holds.count == 1


def test_a_short_press_does_nothing(panel: GpioPanel, pins: Any, holds: Holds) -> None:
    button = pins.pin(SETTINGS.button_pin)
    for _ in range(3):  # not even when they add up
        button.drive_low()
        time.sleep(HELD_S / 3)
        button.drive_high()
    time.sleep(2 * HELD_S)
    assert holds.count == 0


def test_the_button_is_to_be_held_for_five_seconds(pins: Any, holds: Holds) -> None:
    panel = GpioPanel(SETTINGS, holds.note, pins)
    try:
        assert panel._button.hold_time == HOLD_S == 5
    finally:
        panel.close()


def test_it_uses_the_pins_of_the_configuration_and_gives_them_back(pins: Any, holds: Holds) -> None:
    settings = PanelConfig(led_pin=5, button_pin=6)
    GpioPanel(settings, holds.note, pins, hold_s=HELD_S).close()
    panel = open_panel(settings, holds.note, pins)
    assert isinstance(panel, GpioPanel)
    panel.close()


def test_without_hardware_there_is_no_panel_and_it_is_told_once(
    holds: Holds, caplog: pytest.LogCaptureFixture
) -> None:
    class Nowhere(MockFactory):  # type: ignore[misc]  # gpiozero has no types
        def pin(self, name: object) -> Any:
            raise PinInvalidPin(f"{name} is no pin here")

    with caplog.at_level(logging.INFO, "gateway.panel"):
        panel = open_panel(SETTINGS, holds.note, Nowhere())
    assert isinstance(panel, NoPanel)
    assert caplog.messages == ["no light and button here (PinInvalidPin): going on without"]
    panel.beat()
    panel.close()


def test_when_the_button_has_no_pin_the_light_is_given_back(pins: Any, holds: Holds) -> None:
    panel = open_panel(PanelConfig(led_pin=5, button_pin=5), holds.note, pins)
    assert isinstance(panel, NoPanel)
    again = open_panel(PanelConfig(led_pin=5, button_pin=6), holds.note, pins)
    assert isinstance(again, GpioPanel)
    again.close()


def test_a_panel_that_is_switched_off_touches_no_pin(pins: Any, holds: Holds) -> None:
    assert isinstance(open_panel(PanelConfig(enabled=False), holds.note, pins), NoPanel)
    assert not pins.pins


def test_on_a_machine_without_pins_the_gateway_goes_on(holds: Holds) -> None:
    panel = open_panel(SETTINGS, holds.note)
    panel.beat()
    panel.close()
