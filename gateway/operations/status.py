"""Status: how the running gateway is doing, without a reading, a number or a name in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Implausible:
    """What of the telegrams was not believed, since the gateway was started.

    held:        readings that wait until others confirm them
    dropped:     readings that others contradicted, left out
    epochs:      how often registers began anew (a meter was replaced)
    impossible:  telegrams that state what no home can have
    refused:     readings of too many meters, or of a clock that jumps
    """

    held: int
    dropped: int
    epochs: int
    impossible: int
    refused: int


@dataclass(frozen=True, slots=True)
class Status:
    """As JSON (`p1-gateway status --json`), each field under its name; times are ISO 8601 with their offset.

    claimed:                 whether the gateway has an owner
    meter:                   "receiving", or "silent" for more than 30 seconds
    telegrams, damaged:      how many came since the start, and how many of them were damaged
    fault, fault_kind:       what went wrong last on the line, until a telegram arrives; and its code
    faults:                  how often each kind of fault happened, by its code
    noise_bytes:             bytes between telegrams that belong to none
    messages, clock_losses:  messages of the grid operator; how often the meter's clock was lost
    implausible:             see `Implausible`
    simulated, country:      of the meter; null before the first telegram
    last_telegram_at:        when the last telegram came
    clock:                   "believed", or why this machine's clock is not
    sharing:                 "on", "stopped", "nobody has a consent", or what is wrong
    consents:                how many are valid at this moment
    transports:              by its name, "connected" or "not connected"
    last_backup:             when the last one was made
    removed_for_room_until:  the last day of which something went early, for want of room
    history_waiting:         batches that wait for the disk
    history_dropped:         minutes that could not be written
    history_fault, ledger_fault:  what is wrong with the history, or the register of consents
    """

    claimed: bool
    meter: str
    telegrams: int
    damaged: int
    fault: str | None
    fault_kind: str | None
    faults: Mapping[str, int]
    noise_bytes: int
    messages: int
    clock_losses: int
    implausible: Implausible
    simulated: bool
    country: str | None
    last_telegram_at: datetime | None
    clock: str
    sharing: str
    consents: int
    transports: Mapping[str, str]
    last_backup: datetime | None
    removed_for_room_until: date | None
    history_waiting: int
    history_dropped: int
    history_fault: str | None
    ledger_fault: str | None
