"""Reading back: what the owner sees after an unlock.

An OpenHistory holds the household's private key for as long as the owner's session lives. A row
that was altered or moved is not shown: its period is missing, and `damaged` names it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.errors import CannotUnlock, SealBroken
from gateway.history import periods, profile, trace
from gateway.history.chain import is_genuine
from gateway.history.keyring import HouseholdKey
from gateway.history.periods import Period
from gateway.history.profile import Row
from gateway.history.records import DataKeyRecord, Sealed
from gateway.history.root_keys import GatewayKeys
from gateway.history.seal import DataKey, cipher_of
from gateway.history.store import Store
from gateway.history.trace import Block
from gateway.history.writer import DATA_KEY_PURPOSE, METERS_PURPOSE, Meter


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used in one period, by register, over all meters; absent where it is not known.

    `complete` is False when the period's first or last register was read late, is missing, or fell,
    and when the registers began anew in it: then it holds what was used in the finer periods before
    and after that one.
    """

    starts_at: datetime
    ends_at: datetime
    quantities: dict[str, int] = field(default_factory=dict)
    complete: bool = False
    simulated: bool = False

    @property
    def import_wh(self) -> int | None:
        return profile.total(self.quantities, profile.IMPORT_REGISTERS)

    @property
    def export_wh(self) -> int | None:
        return profile.total(self.quantities, profile.EXPORT_REGISTERS)

    @property
    def gas_litre(self) -> int | None:
        return self.quantities.get("gas_litre")


class OpenHistory:
    """The unlocked history: queries only. Safe to use from several threads."""

    def __init__(
        self, path: Path, key: HouseholdKey, gateway_keys: GatewayKeys, number: str, zone: ZoneInfo
    ) -> None:
        """Raises CannotUnlock when `number` is not a meter of this household."""
        self._path = path
        self._key = key
        self._gateway_keys = gateway_keys
        self.zone = zone
        self._data_keys: dict[int, DataKey | None] = {}
        self.damaged: set[str] = set()
        self._number = number
        with Store.open_to_read(path) as store:
            # Claimed before the first telegram, there is no number yet that could be wrong.
            if store.has_meters_record() and self._meters_record(store) is None:
                raise CannotUnlock
        self._known_meters()

    def take_key(self, key: HouseholdKey) -> None:
        """Go on with the household's new key: a renewal has just destroyed the old one."""
        self._key = key
        self._data_keys = {key_id: found for key_id, found in self._data_keys.items() if found is not None}

    @property
    def meters(self) -> tuple[Meter, ...]:
        """The household's meters, also those that came after the unlock; none before the first telegram."""
        return self._known_meters()

    def _known_meters(self) -> tuple[Meter, ...]:
        with Store.open_to_read(self._path) as store:
            sealed = self._meters_record(store)
        if sealed is None:
            return ()
        plain = self._key.open(sealed, self._number, METERS_PURPOSE)
        return tuple(Meter(*meter) for meter in json.loads(plain))

    def _meters_record(self, store: Store) -> bytes | None:
        return store.meters_record(self._gateway_keys.secret.meter_tag(self._number))

    def rows(self, period: Period, first: datetime, last: datetime, meter: Meter) -> list[Row]:
        """One meter's rows that end from `first` through `last`, one for each period, in order."""
        found: dict[int, Row] = {}
        tag = self._gateway_keys.secret.meter_tag(meter.number)
        with Store.open_to_read(self._path) as store:
            sealed_rows = list(store.rows(tag, period, int(first.timestamp()), int(last.timestamp())))
            records = store.data_keys(tag)  # after the rows: meanwhile the writer may add keys
            for sealed in sealed_rows:
                plain = self._unsealed(sealed, period, meter, records)
                if plain is not None and sealed.period not in found:
                    ends_at = datetime.fromtimestamp(sealed.period, UTC)
                    row = profile.decode(plain, meter.number, meter.commodity, period, ends_at)
                    found[sealed.period] = row
        return list(found.values())

    def usage(self, period: Period, first: datetime, last: datetime) -> list[Usage]:
        """The usage of each period from `first` to `last`; a period without rows is there, empty."""
        boundaries = self._boundaries(period, first, last)
        by_end: dict[datetime, list[Row]] = {}
        for meter in self.meters:
            for row in self.rows(period, boundaries[0], boundaries[-1], meter):
                by_end.setdefault(row.ends_at, []).append(row)
        return [
            _usage(start, end, by_end.get(start, []), by_end.get(end, []), self._in_pieces)
            for start, end in pairwise(boundaries)
        ]

    def _boundaries(self, period: Period, first: datetime, last: datetime) -> list[datetime]:
        boundaries = [periods.period_start(first, period, self.zone)]
        while boundaries[-1] < last:
            boundaries.append(periods.next_start(boundaries[-1], period, self.zone))
        return boundaries

    def _in_pieces(self, began: Row, row: Row) -> dict[str, int]:
        """What was used between two rows if the registers began anew: all but where they did."""
        finer = _FINER.get(row.period)
        if finer is None:
            return {}
        meter = Meter(row.meter_number, row.commodity)
        rows = {part.ends_at: part for part in self.rows(finer, began.ends_at, row.ends_at, meter)}
        used: dict[str, int] = {}
        for start, end in pairwise(self._boundaries(finer, began.ends_at, row.ends_at)):
            if start in rows and end in rows:
                _add(used, _used(rows[start], rows[end], self._in_pieces))
        return used

    def trace(self, first: datetime, last: datetime) -> Iterator[Block]:
        """The trace blocks of the electricity meters that start in [first, last)."""
        for meter in (meter for meter in self.meters if meter.commodity == "electricity"):
            tag = self._gateway_keys.secret.meter_tag(meter.number)
            with Store.open_to_read(self._path) as store:
                sealed_blocks = list(store.blocks(tag, int(first.timestamp()), int(last.timestamp())))
                records = store.data_keys(tag)
                for sealed in sealed_blocks:
                    plain = self._unsealed(sealed, "trace", meter, records)
                    if plain is not None:
                        yield trace.decode(plain, sealed.period)

    def _unsealed(
        self, sealed: Sealed, kind: str, meter: Meter, records: dict[int, DataKeyRecord]
    ) -> bytes | None:
        """The plain row or block; None, and noted as damaged, when it was tampered with."""
        key = self._data_key(records[sealed.data_key_id], meter)
        try:
            if key is not None:
                return key.unseal(kind, sealed.period, sealed.sequence, sealed.sealed)
        except SealBroken:
            pass
        self.damaged.add(f"{datetime.fromtimestamp(sealed.period, UTC):%Y-%m-%d %H:%M}Z {kind}")
        return None

    def _data_key(self, record: DataKeyRecord, meter: Meter) -> DataKey | None:
        """None for a forged or altered record: only the gateway can have made its mac."""
        if record.id not in self._data_keys:
            self._data_keys[record.id] = None
            if is_genuine(record, self._gateway_keys.device_key.authenticator):
                try:
                    raw = self._key.open(record.sealed, meter.number, DATA_KEY_PURPOSE)
                    self._data_keys[record.id] = DataKey(raw, record.meter_tag, cipher_of(record.suite))
                except CannotUnlock:
                    pass
        return self._data_keys[record.id]


_FINER = {Period.MONTH: Period.DAY, Period.DAY: Period.HOUR, Period.HOUR: Period.QUARTER}
_Pieces = Callable[[Row, Row], dict[str, int]]


def _used(began: Row, row: Row, in_pieces: _Pieces) -> dict[str, int]:
    return in_pieces(began, row) if row.new_epoch else profile.usage_between(began, row)


def _add(quantities: dict[str, int], used: Mapping[str, int]) -> None:
    for name, amount in used.items():
        quantities[name] = quantities.get(name, 0) + amount


def _usage(start: datetime, end: datetime, before: list[Row], after: list[Row], in_pieces: _Pieces) -> Usage:
    quantities: dict[str, int] = {}
    complete = bool(after)
    for row in after:
        began = next((b for b in before if b.meter_number == row.meter_number), None)
        if began is None:
            complete = complete and row.commodity != "electricity"
            continue
        used = _used(began, row, in_pieces)
        _add(quantities, used)
        # A register that fell is in `row`, but not in `used`.
        whole = not row.new_epoch and used.keys() == row.quantities.keys() & profile.REGISTERS
        late = max(began.read_at - began.ends_at, row.read_at - row.ends_at)
        complete = complete and whole and late * 10 <= end - start
    return Usage(start, end, quantities, complete, any(row.simulated for row in after))
