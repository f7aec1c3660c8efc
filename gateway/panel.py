"""The panel at the meter cupboard: a light that blinks with each telegram, and a button.

Holding the button for five seconds turns the stop switch for sharing on or off. A gateway without
a light and a button is as good: absent hardware is told once, and is no error.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any, Protocol

from gpiozero import LED, Button, GPIOZeroError
from gpiozero.exc import PinFactoryFallback
from gpiozero.pins import Factory

from gateway.config import PanelConfig

HOLD_S = 5.0
_BLINK_S = 0.05

log = logging.getLogger(__name__)


class Panel(Protocol):
    def beat(self) -> None:
        """A telegram arrived."""

    def close(self) -> None: ...


class NoPanel:
    """No hardware: nothing to show."""

    def beat(self) -> None: ...

    def close(self) -> None: ...


class GpioPanel:
    """A light and a button on the Pi's pins. `on_hold` is called in gpiozero's thread."""

    def __init__(
        self,
        settings: PanelConfig,
        on_hold: Callable[[], None],
        factory: Factory | None = None,
        hold_s: float = HOLD_S,
    ) -> None:
        """Raises GPIOZeroError when there are no such pins."""
        self._led: Any = LED(settings.led_pin, pin_factory=factory)
        try:
            self._button: Any = Button(settings.button_pin, hold_time=hold_s, pin_factory=factory)
        except GPIOZeroError:
            self._led.close()
            raise
        self._button.when_held = on_hold

    def beat(self) -> None:
        self._led.blink(on_time=_BLINK_S, off_time=_BLINK_S, n=1)

    def close(self) -> None:
        self._button.close()
        self._led.close()


def open_panel(settings: PanelConfig, on_hold: Callable[[], None], factory: Factory | None = None) -> Panel:
    """The panel of this machine, or NoPanel."""
    if not settings.enabled:
        return NoPanel()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PinFactoryFallback)
            return GpioPanel(settings, on_hold, factory)
    except (GPIOZeroError, OSError) as error:
        log.info("no light and button here (%s): going on without", type(error).__name__)
        return NoPanel()
