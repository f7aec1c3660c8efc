"""Reading back: what the owner sees after an unlock.

An OpenHistory holds the household's private key for as long as the owner's session lives. A row
that was altered or moved is not shown: its period is missing, and `damaged` names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.errors import CannotUnlock, HistoryClosed, SealBroken
from gateway.history.keys.keyring import HouseholdKey
from gateway.history.keys.root_keys import GatewayKeys
from gateway.history.keys.seal import DataKey
from gateway.history.queries import points, usage
from gateway.history.queries.points import Point
from gateway.history.queries.usage import Comparison, Usage
from gateway.history.records import meters, periods, profile, trace
from gateway.history.records.meters import Meter
from gateway.history.records.periods import Period, Span, midnight
from gateway.history.records.profile import Row
from gateway.history.records.trace import Block
from gateway.history.storage import data_keys
from gateway.history.storage.chain import is_genuine
from gateway.history.storage.rows import Sealed
from gateway.history.storage.store import Store
from gateway.quantities import REGISTERS


class OpenHistory:
    """The unlocked history: queries only. Safe to use from several threads.

    Once closed it has forgotten its keys, and every query raises HistoryClosed.
    """

    def __init__(
        self,
        path: Path,
        key: HouseholdKey,
        gateway_keys: Callable[[], GatewayKeys],
        number: str,
        zone: ZoneInfo,
    ) -> None:
        """Raises CannotUnlock when `number` is not a meter of this household."""
        self._path = path
        self._household_key: HouseholdKey | None = key
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
        self._household_key = key
        self._data_keys = {key_id: found for key_id, found in self._data_keys.items() if found is not None}

    def close(self) -> None:
        """Forget the keys. What a query has read already, it still returns."""
        self._household_key = None
        self._data_keys = {}

    @property
    def is_open(self) -> bool:
        return self._household_key is not None

    @property
    def _key(self) -> HouseholdKey:
        key = self._household_key
        if key is None:
            raise HistoryClosed
        return key

    @property
    def meters(self) -> tuple[Meter, ...]:
        """The household's meters, also those that came after the unlock; none before the first telegram."""
        return self._known_meters()

    def _known_meters(self) -> tuple[Meter, ...]:
        with Store.open_to_read(self._path) as store:
            sealed = self._meters_record(store)
        if sealed is None:
            return ()
        return meters.decode(self._key.open_meters(sealed, self._number))

    def _meters_record(self, store: Store) -> bytes | None:
        return store.meters_record(self._gateway_keys().secret.meter_tag(self._number))

    def rows(self, period: Period, first: datetime, last: datetime, meter: Meter) -> list[Row]:
        """One meter's rows that end from `first` through `last`, one for each period, in order."""
        found: dict[int, Row] = {}
        tag = self._gateway_keys().secret.meter_tag(meter.number)
        with Store.open_to_read(self._path) as store, store.snapshot():
            for sealed in store.rows(tag, period, int(first.timestamp()), int(last.timestamp())):
                plain = self._unsealed(store, sealed, period, meter)
                if plain is not None and sealed.period not in found:
                    ends_at = datetime.fromtimestamp(sealed.period, UTC)
                    row = profile.decode(plain, meter.number, meter.commodity, period, ends_at)
                    found[sealed.period] = row
        return list(found.values())

    # --- usage -------------------------------------------------------------------------------

    def usage(self, period: Period | Span, first: datetime, last: datetime) -> list[Usage]:
        """The usage of each period from `first` to `last`; a period without rows is there, empty."""
        span = Span(period.value)
        ends = list(periods.boundaries(first, last, span, self.zone))
        parts = self._usage_of_parts(span.part, ends[0], ends[-1])
        if span.part.value == span.value:
            return parts
        of_span: dict[datetime, list[Usage]] = {start: [] for start in ends[:-1]}
        for part in parts:
            of_span[periods.period_start(part.starts_at, span, self.zone)].append(part)
        return [usage.joined(start, end, of_span[start]) for start, end in pairwise(ends)]

    def usage_of_days(self, first: date, days: int) -> Usage:
        """The usage of so many local days."""
        start, end = (midnight(first + timedelta(days=n), self.zone) for n in (0, days))
        return usage.joined(start, end, self._usage_of_parts(Period.DAY, start, end))

    def compare(self, first: date, other: date, days: int) -> Comparison:
        """As many days from one day on as from another."""
        return Comparison((first, other), self.usage_of_days(first, days), self.usage_of_days(other, days))

    def _usage_of_parts(self, period: Period, first: datetime, last: datetime) -> list[Usage]:
        ends = list(periods.boundaries(first, last, period, self.zone))
        by_end: dict[datetime, list[Row]] = {}
        for meter in self.meters:
            for row in self.rows(period, ends[0], ends[-1], meter):
                by_end.setdefault(row.ends_at, []).append(row)
        return [
            usage.between(start, end, by_end.get(start, []), by_end.get(end, []), self._in_pieces)
            for start, end in pairwise(ends)
        ]

    def _in_pieces(self, began: Row, row: Row) -> dict[str, int]:
        """What was used between two rows if the registers began anew: all but where they did."""
        finer = _FINER.get(row.period)
        if finer is None:
            return {}
        meter = Meter(row.meter_number, row.commodity)
        rows = {part.ends_at: part for part in self.rows(finer, began.ends_at, row.ends_at, meter)}
        used: dict[str, int] = {}
        for start, end in pairwise(periods.boundaries(began.ends_at, row.ends_at, finer, self.zone)):
            if start in rows and end in rows:
                usage.add(used, usage.used_between(rows[start], rows[end], self._in_pieces))
        return used

    def registers_used(self, first: datetime, last: datetime) -> list[str]:
        """The names of all registers that the home's meters have about then, in their usual order."""
        about = timedelta(days=32)
        names: set[str] = set()
        for meter in self.meters:
            for row in self.rows(Period.MONTH, first - about, last + about, meter):
                names |= row.quantities.keys() & REGISTERS
        return [name for name in profile.ROW_QUANTITIES if name in names]

    def registers(self, on: date) -> list[Row]:
        """The registers of every meter at the beginning of a local day, or the next time they were read.

        At most a month later; a meter that was not read then is left out. For a statement.
        """
        start = midnight(on, self.zone)
        found = []
        for meter in self.meters:
            for period, within in ((Period.DAY, timedelta(0)), (Period.QUARTER, _READ_LATER)):
                rows = self.rows(period, start, start + within, meter)
                if rows:
                    found.append(rows[0])
                    break
        return found

    # --- the trace ---------------------------------------------------------------------------

    def trace(self, first: datetime, last: datetime) -> Iterator[Block]:
        """The trace blocks of the electricity meters that start in [first, last)."""
        return (trace.decode(plain, starts_at) for plain, starts_at in self._blocks(first, last))

    def points(self, first: datetime, last: datetime, step_s: int) -> list[Point]:
        """Net power from `first` up to `last`, a point for each `step_s` seconds; whole minutes are quick."""
        begin, end = int(first.timestamp()), int(last.timestamp())
        blocks = self._blocks(datetime.fromtimestamp(begin - begin % 900, UTC), last)
        if step_s % 60 == 0 and begin % 60 == 0:
            found = (minute for plain, at in blocks for minute in trace.minutes(plain, at))
            return points.of_minutes(found, begin, end, step_s)
        samples = (sample for plain, at in blocks for sample in trace.decode(plain, at).samples)
        return points.of_samples(samples, begin, end, step_s)

    def _blocks(self, first: datetime, last: datetime) -> Iterator[tuple[bytes, int]]:
        """The plain blocks that start in [first, last), and when."""
        for meter in (meter for meter in self.meters if meter.commodity == "electricity"):
            begin: datetime | None = first
            while begin is not None and begin < last:
                found, begin = self._blocks_of_day(begin, last, meter)
                yield from found

    def _blocks_of_day(
        self, first: datetime, last: datetime, meter: Meter
    ) -> tuple[list[tuple[bytes, int]], datetime | None]:
        """The blocks of the next day that has any, and where to go on; None at the end."""
        # All of them before the first is used: who is slow to use them must not keep the log from ending.
        tag = self._gateway_keys().secret.meter_tag(meter.number)
        found = []
        with Store.open_to_read(self._path) as store, store.snapshot():
            begin = store.next_block(tag, int(first.timestamp()), int(last.timestamp()))
            if begin is None:
                return [], None
            end = min(begin + 86_400, int(last.timestamp()))
            for sealed in store.blocks(tag, begin, end):
                plain = self._unsealed(store, sealed, "trace", meter)
                if plain is not None:
                    found.append((plain, sealed.period))
        return found, datetime.fromtimestamp(end, UTC)

    # --- unsealing ---------------------------------------------------------------------------

    def _unsealed(self, store: Store, sealed: Sealed, kind: str, meter: Meter) -> bytes | None:
        """The plain row or block; None, and noted as damaged, when it was tampered with."""
        if not self.is_open:
            raise HistoryClosed
        key = self._data_key(store, sealed.data_key_id, meter)
        try:
            if key is not None:
                return key.unseal(kind, sealed.period, sealed.sequence, sealed.sealed)
        except SealBroken:
            pass
        self.damaged.add(f"{datetime.fromtimestamp(sealed.period, UTC):%Y-%m-%d %H:%M}Z {kind}")
        return None

    def _data_key(self, store: Store, key_id: int, meter: Meter) -> DataKey | None:
        """None for a forged or altered record: only the gateway can have made its mac."""
        keys, household = self._data_keys, self._key  # of this moment: another thread may close this
        if key_id not in keys:
            keys[key_id] = None
            record = store.data_key(key_id)
            if is_genuine(record, self._gateway_keys().device_key.authenticator):
                with suppress(CannotUnlock):
                    keys[key_id] = data_keys.opened(record, household, meter.number)
        return keys[key_id]


_FINER = {Period.MONTH: Period.DAY, Period.DAY: Period.HOUR, Period.HOUR: Period.QUARTER}
_READ_LATER = timedelta(days=31)
