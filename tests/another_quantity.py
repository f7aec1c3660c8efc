"""The whole way of a quantity and a commodity that only the table knows. Run by test_quantities.

    python -m tests.another_quantity FOLDER

It imports a copy of the gateway to whose table three rows were added, and says each step that works.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway.consent import Category, Granularity, disclose
from gateway.costs import parse
from gateway.history import Period, Span, export
from gateway.operations import costs_of
from gateway.p1 import Decoder, Frame, Framer, Reading
from gateway.p1.telegram import Telegram, serialize
from gateway.sharing import FORMATS
from gateway.sharing.offers import of_reading, of_row
from tests.made_up import consent
from tests.web.browser import Browser
from tests.web.home import PASSWORD, Home

NUMBER = "E0001234567890123"
NOON = datetime(2026, 11, 23, 11, 0, 30, tzinfo=UTC)
CONTRACT = """
[[contract]]
name = "all"
from = 2026-01-01
electricity = { spare = 0.50 }
hydrogen = { m3 = 2.00 }
"""


def telegram(at: datetime, hours: int) -> bytes:
    """A telegram of a home that takes a spare kWh and two m³ of hydrogen each hour."""
    local = (at + timedelta(hours=1)).strftime("%y%m%d%H%M%S")
    return serialize(
        Telegram(
            "XYZ5\\TEST",
            (
                ("1-3:0.2.8", "(50)"),
                ("0-0:1.0.0", f"({local}W)"),
                ("0-0:96.1.1", f"({NUMBER.encode().hex()})"),
                ("1-0:1.8.1", f"({1000 + hours:010.3f}*kWh)"),
                ("1-0:1.7.0", "(00.100*kW)"),
                ("1-0:199.7.0", "(01.234*kW)"),
                ("1-0:77.8.0", f"({5 + hours:010.3f}*kWh)"),
                ("0-1:24.1.0", "(099)"),
                ("0-1:96.1.0", f"({b'H1'.hex()})"),
                ("0-1:24.2.1", f"({local}W)({10 + 2 * hours:09.3f}*m3)"),
            ),
        )
    )


def readings() -> Iterator[Reading]:
    decoder, framer = Decoder(), Framer()
    for hours in range(-30, 1):
        at = NOON + timedelta(hours=hours)
        (frame,) = framer.feed(telegram(at, hours + 30))
        assert isinstance(frame, Frame)
        yield decoder.decode(frame, at)


def say(step: str) -> None:
    sys.stdout.write(step + "\n")


def main(folder: Path) -> None:
    folder.mkdir()
    read = list(readings())
    last = read[-1]
    assert (last.quantities["power_reserve_w"], last.quantities["energy_spare_wh"]) == (1234, 35_000)
    assert [(d.commodity, d.register) for d in last.mbus] == [("hydrogen", 70_000)]
    assert (last.unknown, last.unreadable) == ((), ())
    say("decoded")

    home = Home(folder)
    home.history.claim(PASSWORD)
    home.record(iter(read))
    opened = home.history.unlock(NUMBER, PASSWORD)
    first = NOON.replace(minute=0, second=0) - timedelta(hours=12)
    (usage,) = opened.usage(Span.HOUR, first, first + timedelta(hours=1))
    assert (usage.quantities["energy_spare_wh"], usage.of("hydrogen")) == (1000, 2000)
    say("stored")

    lines = list(export.of_usage(opened, Span.HOUR, first, first + timedelta(hours=2)).csv_lines())
    columns = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    assert (columns["spare_kwh"], columns["hydrogen_m3"]) == ("1.0", "2.0")
    say("exported")

    (cost,) = costs_of(opened, Span.HOUR, first, first + timedelta(hours=1), parse(CONTRACT))
    assert cost.total == Decimal("4.50")
    say("priced")

    grants = {Category.POWER: Granularity.LIVE, Category.GAS: Granularity.LIVE}
    times: dict[str, Any] = {"valid_from": NOON - timedelta(days=9), "valid_until": NOON + timedelta(days=9)}
    live = disclose(of_reading(last), consent(grants, **times), NOON)
    assert live is not None
    assert live.quantities == {"power_import_w": 100, "power_reserve_w": 1234}
    assert [(d.commodity, d.register) for d in live.devices] == [("hydrogen", 70_000)]
    hourly = consent({Category.ELECTRICITY: Granularity.HOUR}, **times)
    meter = next(meter for meter in opened.meters if meter.commodity == "electricity")
    row = opened.rows(Period.HOUR, first, first, meter)[0]
    of_hour = disclose(of_row(row), hourly, NOON)
    assert of_hour is not None
    assert "energy_spare_wh" in of_hour.quantities
    assert disclose(of_reading(last), consent({Category.PHASES: Granularity.LIVE}, **times), NOON) is None
    say("disclosed")

    (message,) = FORMATS["json"].messages(live)
    fields = json.loads(message.payload)
    assert fields["power_reserve_w"] == 1234
    assert [(d["type"], d["value"], d["unit"]) for d in fields["external"]] == [
        ("hydrogen_meter", 70.0, "m3")
    ]
    (message,) = FORMATS["json"].messages(of_hour)
    assert json.loads(message.payload)["energy_spare_kwh"] > 0
    say("published")

    home.live.show(last, {"hydrogen_litre": 1500})
    owner = Browser(home.app())
    owner.sign_in(meter_number=NUMBER)
    now = owner.get("/now").text
    assert "Hydrogen" in now
    assert "70.000" in now
    day = owner.get("/history/day?on=2026-11-22").text
    assert "Hydrogen per hour, in m³" in day
    assert "2.000" in day
    say("shown")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
