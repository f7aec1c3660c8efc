"""Now: what the meter says at this moment. The page's script asks for it again each second.

Page and script show the same words: `_texts` makes them, by the names that the template uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from gateway.operations import TARIFF_NAMES, MBusReading, Reading, Snapshot, Usage
from gateway.quantities import BY_COMMODITY
from gateway.web.charts.figures import (
    UNKNOWN,
    amount,
    ampere,
    kwh,
    moment,
    power,
    second,
    volt,
)
from gateway.web.sentences import sentence
from gateway.web.services import here

pages = Blueprint("now", __name__)


@pages.get("/")
def first() -> Response:
    return redirect(url_for("now.page"), 303)


@pages.get("/now")
def page() -> str:
    snapshot = here().live.latest()
    reading = snapshot.reading
    devices = [] if reading is None else [BY_COMMODITY[name] for name in _devices(reading)]
    return render_template("now.html", live=_present(snapshot), reading=reading, devices=devices)


@pages.get("/now.json")
def readings() -> Response:
    return jsonify(_present(here().live.latest()))


def _present(snapshot: Snapshot) -> dict[str, Any]:
    """`shape` names the parts that the page must have: when it changes, the page is loaded anew."""
    reading = snapshot.reading
    shape = "none"
    if reading is not None:
        shape = f"{len(reading.phases)} phases, {', '.join(_devices(reading))}, {reading.simulated}"
    return {
        "shape": shape,
        "fresh": here().live.is_fresh(),
        "exporting": reading is not None and (reading.net_power_w or 0) < 0,
        "problem": _problem(snapshot),
        "damaged": _damaged(snapshot.damaged),
        "texts": {} if reading is None else _texts(reading, snapshot.usage_today or {}),
    }


def _texts(reading: Reading, used: Mapping[str, int]) -> dict[str, str]:
    today = Usage(reading.at, reading.at, dict(used))
    net = reading.net_power_w
    exporting = net is not None and net < 0
    tariff = reading.quantities.get("tariff")
    texts = {
        "power": power(None if net is None else abs(net)),
        "direction": _("Exporting to the grid") if exporting else _("Importing from the grid"),
        "at": second(reading.at),
        "import_today": kwh(today.import_wh),
        "export_today": kwh(today.export_wh),
        "tariff": UNKNOWN if tariff is None else _tariff(reading.country, tariff),
    }
    for name, device in _devices(reading).items():
        commodity = BY_COMMODITY[name]
        texts[f"{name}_today"] = amount(today.of(name), commodity)
        texts[f"{name}_register"] = amount(device.register, commodity)
        texts[f"{name}_at"] = moment(device.captured_at)
    for number, phase in enumerate(reading.phases, start=1):
        exported = phase.power_export_w or 0
        texts[f"l{number}_power"] = power(-exported if exported else phase.power_import_w)
        texts[f"l{number}_voltage"] = volt(phase.voltage_mv)
        texts[f"l{number}_current"] = ampere(phase.current_ma)
    return texts


def _tariff(country: str | None, number: int) -> str:
    """What the tariff is called where the meter is; its number where that is not established."""
    name = TARIFF_NAMES.get(country or "", {}).get(number)
    if name == "low":
        return str(_("Low tariff"))
    return str(_("Normal tariff")) if name == "normal" else str(_("Tariff %(number)s", number=number))


def _devices(reading: Reading) -> dict[str, MBusReading]:
    """By what they measure, in the order of the table.

    After a replacement the old one may stay on its channel: the one that was read last counts.
    """
    found: dict[str, MBusReading] = {}
    for device in sorted(reading.mbus, key=lambda device: device.captured_at):
        found[device.commodity] = device
    return {name: found[name] for name in BY_COMMODITY if name in found}


def _problem(snapshot: Snapshot) -> str:
    """What is wrong and what to check; empty while the meter speaks."""
    if here().live.is_fresh():
        return ""
    fault = "" if snapshot.fault is None else sentence(snapshot.fault)
    if snapshot.received_at is None:
        silence = _("The meter has not said anything yet.")
    else:
        silence = _("The meter has been silent since %(at)s.", at=moment(snapshot.received_at))
    check = _("Check that the cable is in the meter's P1 port and in the gateway or the network reader.")
    return " ".join(part for part in (silence, fault and _closed(fault), check) if part)


def _closed(fault: str) -> str:
    """As a sentence of its own."""
    return fault[:1].upper() + fault[1:] + ("" if fault.endswith(".") else ".")


def _damaged(count: int) -> str:
    if count == 0:
        return ""
    return str(
        ngettext(
            "%(num)s damaged telegram was skipped since the gateway started.",
            "%(num)s damaged telegrams were skipped since the gateway started.",
            count,
        )
    )
