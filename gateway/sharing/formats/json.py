"""The `json` format: the names that energy apps already read (HomeWizard's P1 vocabulary).

Power is signed (import positive) and also apart, as the meter sends it. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.consent import Consent, Disclosure
from gateway.quantities import BY_COMMODITY, BY_NAME
from gateway.sharing.formats.format import Message, own_topic


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
        row = BY_NAME[name]
        fields[row.shown_name] = value if row.unit.scale == 1 else value / row.unit.scale
    fields |= _signed(disclosure.quantities)
    if disclosure.devices:
        fields["external"] = []
    for device in disclosure.devices:
        measured = BY_COMMODITY[device.commodity]
        scale = BY_NAME[measured.register].unit.scale
        own = {} if device.number is None else {"unique_id": device.number}
        fields["external"].append(
            own
            | {"type": measured.called, "timestamp": _time(device.captured_at)}
            | {"value": device.register / scale, "unit": measured.called_unit}
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
