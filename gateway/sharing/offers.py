"""Offers: what of a reading or a profile row could be disclosed. `gateway.consent.disclose` says what is."""

from __future__ import annotations

from gateway.consent import Device, Granularity, Offer
from gateway.history import Row
from gateway.p1 import Reading
from gateway.quantities import DEVICE_REGISTERS


def of_reading(reading: Reading) -> Offer:
    """A reading is as fine as it gets."""
    return Offer(
        granularity=Granularity.LIVE,
        at=reading.at,
        meter_number=reading.meter_number,
        quantities=reading.quantities,
        devices=[Device(one.commodity, one.number, one.captured_at, one.register) for one in reading.mbus],
        model=reading.model,
        simulated=reading.simulated,
    )


def of_row(row: Row) -> Offer:
    """The row of a period that has ended; that of an M-Bus device holds its registers and nothing else."""
    devices = [
        Device(commodity, row.meter_number, row.read_at, row.quantities[register])
        for commodity, register in DEVICE_REGISTERS.items()
        if row.commodity in DEVICE_REGISTERS and register in row.quantities
    ]
    return Offer(
        granularity=row.period.value,
        at=row.ends_at,
        meter_number=row.meter_number,
        quantities=row.quantities,
        devices=devices,
        model=None,
        simulated=row.simulated,
    )
