"""The `json` format: the names that energy apps already read (HomeWizard's P1 vocabulary).

Power is signed (import positive) and also apart, as the meter sends it. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.consent import Consent, Disclosure
from gateway.p1 import obis
from gateway.sharing.formats.format import Message, own_topic

# From our names to the recipient's, and how many base units make one of its units.
_TARIFFS = ("", "_t1", "_t2", "_t3", "_t4")
_PHASES = ("l1", "l2", "l3")
_NAMES: Mapping[str, tuple[str, int]] = {
    "tariff": ("tariff", 1),
    "power_import_w": ("power_import_w", 1),
    "power_export_w": ("power_export_w", 1),
    "demand_w": ("average_power_w", 1),
    "demand_current_quarter_w": ("average_power_15m_w", 1),
    "demand_max_month_w": ("monthly_power_peak_w", 1),
    "frequency_mhz": ("frequency_hz", 1000),
    "failures_any": ("any_power_fail_count", 1),
    "failures_long": ("long_power_fail_count", 1),
    **{
        f"energy_{way}{tariff}_wh": (f"energy_{way}{tariff}_kwh", 1000)
        for way in ("import", "export")
        for tariff in _TARIFFS
    },
    **{
        f"power_{way}_{end}_w": (f"power_{way}_{end}_w", 1)
        for way in ("import", "export")
        for end in ("max", "min")
    },
    **{f"power_{way}_{p}_w": (f"power_{way}_{p}_w", 1) for way in ("import", "export") for p in _PHASES},
    **{f"voltage_{p}_mv": (f"voltage_{p}_v", 1000) for p in _PHASES},
    **{f"current_{p}_ma": (f"current_{p}_a", 1000) for p in _PHASES},
    **{f"sags_{p}": (f"voltage_sag_{p}_count", 1) for p in _PHASES},
    **{f"swells_{p}": (f"voltage_swell_{p}_count", 1) for p in _PHASES},
}
_DEVICES: Mapping[str, tuple[str, str, int]] = {
    "gas": ("gas_meter", "m3", obis.SCALES["m3", "litre"]),
    "water": ("water_meter", "m3", obis.SCALES["m3", "litre"]),
    "warm_water": ("warm_water_meter", "m3", obis.SCALES["m3", "litre"]),
    "heat": ("heat_meter", "GJ", obis.SCALES["gj", "kj"]),
    "inlet_heat": ("inlet_heat_meter", "GJ", obis.SCALES["gj", "kj"]),
    "heat_volume": ("heat_meter", "m3", obis.SCALES["m3", "litre"]),  # its unit tells it from the energy
}


class JsonFormat:
    """`p1/<consent>/live`, `/quarter`, `/hour` and `/day`; and `/consent`, retained."""

    name = "json"
    births: Sequence[Message] = ()

    def messages(self, disclosure: Disclosure) -> Sequence[Message]:
        topic = f"{own_topic(disclosure.consent_id)}/{disclosure.granularity.value}"
        return (Message(topic, written(disclosure)),)

    def greeting(self, consent: Consent, simulated: bool) -> Sequence[Message]:
        return (Message(_consent_topic(consent), announcement(consent, simulated), retained=True),)

    def farewell(self, consent: Consent) -> Sequence[Message]:
        return (Message(_consent_topic(consent), b"", retained=True),)

    def topics(self, consent: Consent) -> Sequence[str]:
        return (f"{own_topic(consent.id)}/#",)


FORMAT = JsonFormat()


def _consent_topic(consent: Consent) -> str:
    """What the recipient may have, and until when."""
    return f"{own_topic(consent.id)}/consent"


def written(disclosure: Disclosure) -> bytes:
    """The payload for a disclosed reading or row."""
    fields: dict[str, Any] = {"timestamp": _time(disclosure.at), "simulated": disclosure.simulated}
    if disclosure.meter_number is not None:
        fields["unique_id"] = disclosure.meter_number
    if disclosure.model is not None:
        fields["meter_model"] = disclosure.model
    for name, value in disclosure.quantities.items():
        written, scale = _NAMES[name]
        fields[written] = value if scale == 1 else value / scale
    fields |= _signed(disclosure.quantities)
    if disclosure.devices:
        fields["external"] = []
    for device in disclosure.devices:
        kind, unit, scale = _DEVICES[device.commodity]
        own = {} if device.number is None else {"unique_id": device.number}
        fields["external"].append(
            own
            | {"type": kind, "timestamp": _time(device.captured_at)}
            | {"value": device.register / scale, "unit": unit}
        )
    return _bytes(fields)


def announcement(consent: Consent, simulated: bool) -> bytes:
    """What the recipient may have, and until when."""
    terms = consent.terms
    return _bytes(
        {
            "consent": consent.id,
            "recipient": terms.recipient,
            "purpose": terms.purpose,
            "grants": {category.value: granularity.value for category, granularity in terms.grants.items()},
            "live_interval_s": terms.live_interval_s,
            "valid_from": _time(terms.valid_from),
            "valid_until": _time(terms.valid_until),
            "simulated": simulated,
        }
    )


def _signed(quantities: Mapping[str, int]) -> dict[str, int]:
    """Import less export, in total and for each phase."""
    signed: dict[str, int] = {}
    for suffix in ("", "_l1", "_l2", "_l3"):
        ways = [quantities.get(f"power_{way}{suffix}_w") for way in ("import", "export")]
        if any(way is not None for way in ways):
            signed[f"power{suffix}_w"] = (ways[0] or 0) - (ways[1] or 0)
    return signed


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _bytes(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
