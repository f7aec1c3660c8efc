"""Checking the history: what was altered, forged, removed, exchanged, put back or cut off, and when.

`chain` needs the device key only: macs, counts, digests and order. `content` opens every row and
block besides, with the household's key. What retention itself removed carries its mac, and is told
apart. The meters are told by number in the order in which they came, never by their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from gateway.errors import (
    CannotUnlock,
    KeysExchanged,
    SealBroken,
    StateUnusable,
)
from gateway.history.keys import keyring
from gateway.history.keys.keyring import HouseholdKey
from gateway.history.keys.root_keys import GatewayKeys
from gateway.history.keys.seal import DataKey
from gateway.history.records.meters import Meter
from gateway.history.storage import data_keys, states
from gateway.history.storage.anchor import Anchor, Anchored, older_copy
from gateway.history.storage.chain import (
    UNKNOWN,
    Head,
    Tally,
    heads_of,
    is_first_genuine,
    is_genuine,
    is_removal_genuine,
)
from gateway.history.storage.rows import DataKeyRecord
from gateway.history.storage.store import Store

Progress = Callable[[int, int], None]
_NEWS_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """`findings`: what is wrong, a sentence each. `removed`: what retention took away, as it should."""

    findings: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    data_keys: int = 0
    rows: int = 0
    blocks: int = 0
    opened: int = 0

    def __add__(self, other: Report) -> Report:
        return Report(
            self.findings + other.findings,
            self.removed + other.removed,
            self.data_keys + other.data_keys,
            self.rows + other.rows,
            self.blocks + other.blocks,
            self.opened + other.opened,
        )


@dataclass(slots=True)
class _Content:
    """What lies on disk under one data key."""

    rows: Tally = field(default_factory=Tally)
    blocks: Tally = field(default_factory=Tally)


def chain(store: Store, keys: GatewayKeys, anchor: Anchor, zone: ZoneInfo, progress: Progress) -> Report:
    """What the device key alone can prove."""
    anchored: Anchored | None = None
    findings = []
    try:
        anchored = anchor.load()  # before the rest: the running gateway may move it meanwhile
    except StateUnusable:
        findings.append("what the gateway remembers beside the history was exchanged or damaged")
    with store.snapshot():
        findings += _household_findings(store, keys)
        records = store.all_data_keys()
        contents, strays = _contents(store, {record.id for record in records}, zone, progress)
        findings += strays
        walk = _Walk(store, keys, contents)
        tags = list(dict.fromkeys([*walk.heads, *(record.meter_tag for record in records)]))
        for number, tag in enumerate(tags, start=1):
            label = f", meter {number}" if len(tags) > 1 else ""
            walk.meter([record for record in records if record.meter_tag == tag], tag, label)
        findings += walk.findings + _anchor_findings(anchored, store, bool(records))
    counted = contents.values()
    return Report(
        tuple(findings),
        tuple(walk.removed),
        len(records),
        sum(content.rows.count for content in counted),
        sum(content.blocks.count for content in counted),
    )


def _household_findings(store: Store, keys: GatewayKeys) -> list[str]:
    household = store.household()
    if household is not None:
        try:
            keyring.check_household(household, keys.device_key.authenticator)
        except KeysExchanged as error:
            return [str(error)]
    return []


def _anchor_findings(anchored: Anchored | None, store: Store, recorded: bool) -> list[str]:
    if anchored is None:
        missing = "what the gateway remembers beside the history is missing: an older copy would not be found"
        return [missing] if recorded else []
    older = older_copy(anchored, store)
    return [] if older is None else [str(older)]


def _contents(
    store: Store, known: set[int], zone: ZoneInfo, progress: Progress
) -> tuple[dict[int, _Content], list[str]]:
    """What lies under each data key; and what lies under none, as findings."""
    contents = {key_id: _Content() for key_id in known}
    strays: list[tuple[str, int]] = []
    of = store.count_sealed()
    done = 0
    for marks in (store.row_marks(), store.block_marks()):
        for mark in marks:
            done += 1
            if done % _NEWS_EVERY == 0:
                progress(done, of)
            content = contents.get(mark.data_key_id)
            if content is None:
                strays.append((mark.kind, mark.period))
            elif mark.kind == "trace":
                content.blocks = content.blocks.with_(mark)
            else:
                content.rows = content.rows.with_(mark)
    progress(of, of)
    return contents, _grouped(
        strays, zone, "lies under no data key: it was put there, or its key was removed"
    )


class _Walk:
    """Walks each meter's chain from its beginning, and notes what does not fit."""

    def __init__(self, store: Store, keys: GatewayKeys, contents: dict[int, _Content]) -> None:
        self._authenticator = keys.device_key.authenticator
        self._contents = contents
        self._first_kept = store.first_kept()
        self.heads: dict[bytes, Head] = {}
        self.findings: list[str] = []
        self.removed: list[str] = []
        self._traceless: list[tuple[date, date]] = []  # of the present meter: a day, and when its trace went
        hidden = store.state(states.HEAD)
        try:
            self.heads = {} if hidden is None else heads_of(keys.secret.reveal(states.HEAD, hidden))
        except StateUnusable:
            self.findings.append("what the gateway remembers of the newest day was exchanged or damaged")

    def meter(self, records: Sequence[DataKeyRecord], tag: bytes, label: str) -> None:
        """One meter's chain, the oldest record first; none, where it is remembered but not there."""
        if not records:
            self.findings.append(f"everything{label}: removed, and not by the retention")
        by_id = {record.id: record for record in records}
        last: DataKeyRecord | None = None
        self._traceless.clear()
        for record in records:
            self._note_removal(record, label)
            if not is_genuine(record, self._authenticator):
                self._find(record.day, label, "a data key's record was altered or forged")
                continue
            before = None if record.previous_id is None else by_id.get(record.previous_id)
            if before is not None:
                rows = Tally(record.previous_rows, record.previous_rows_digest)
                blocks = Tally(record.previous_blocks, record.previous_blocks_digest)
                self._compare(before, label, rows, blocks)
            else:
                self._begin(record, last, label)
            last = record
        if self._traceless:
            self.removed.append(_traces_removed(self._traceless, label))
        if last is not None:
            self._end(last, tag, label)

    def _begin(self, record: DataKeyRecord, last: DataKeyRecord | None, label: str) -> None:
        """A record whose predecessor is not there, or that has none."""
        first = self._first_kept.get(record.meter_tag)
        day = date.fromordinal(record.day)
        if first is not None and first.data_key_id == record.id:
            if is_first_genuine(first, self._authenticator):
                if last is not None:
                    self._find(last.day, label, "what the retention had removed was put back")
                on = datetime.fromtimestamp(first.removed_at, UTC).date()
                self.removed.append(f"everything before {day}{label}: removed by the retention on {on}")
                return
            self.findings.append(
                f"everything before {day}{label}: removed, and the retention's note of it was forged"
            )
        elif record.previous_id is not None and last is None:
            self.findings.append(f"everything before {day}{label}: removed, and not by the retention")
        elif record.previous_id is not None and last is not None:
            self.findings.append(
                f"between {date.fromordinal(last.day)} and {day}{label}: data keys were removed, and what lay"
                " under them"
            )
        elif last is not None:
            self._find(record.day, label, "the chain of data keys begins a second time")

    def _compare(self, record: DataKeyRecord, label: str, rows: Tally, blocks: Tally) -> None:
        """What lies under a data key against what lay there when it was closed, or at the last commit."""
        content = self._contents[record.id]
        if UNKNOWN in (rows, blocks):
            self._find(
                record.day,
                label,
                "what belongs to it cannot be proved: the gateway's memory of it was gone when it went on",
            )
            return
        if record.trace_removed_at is not None:
            blocks = Tally()  # _note_removal says whether that was the retention
        for found, stated, what in (
            (content.rows, rows, "profile rows"),
            (content.blocks, blocks, "trace blocks"),
        ):
            if found.count != stated.count:
                change = "removed" if found.count < stated.count else "put there by someone else"
                self._find(record.day, label, f"{abs(found.count - stated.count)} {what} were {change}")
            elif found.digest != stated.digest:
                self._find(
                    record.day, label, f"{what} were altered, exchanged, or replaced by an older version"
                )

    def _note_removal(self, record: DataKeyRecord, label: str) -> None:
        if record.trace_removed_at is None and record.removal_mac is None:
            return
        if is_removal_genuine(record, self._authenticator) and record.trace_removed_at is not None:
            on = datetime.fromtimestamp(record.trace_removed_at, UTC).date()
            day = date.fromordinal(record.day)
            self._traceless.append((day, on))
        else:
            self._find(record.day, label, "its trace was removed, and the retention's note of it was forged")

    def _end(self, last: DataKeyRecord, tag: bytes, label: str) -> None:
        head = self.heads.get(tag)
        if head is None:
            self._find(
                last.day, label, "where the history ends is not remembered any more: it may have been cut"
            )
        elif head.data_key_id > last.id:
            self._find(last.day, label, "the history was cut off after it")
        elif head.data_key_id < last.id:
            self._find(last.day, label, "what the gateway remembers of its end is older than the end itself")
        else:
            self._compare(last, label, head.rows, head.blocks)

    def _find(self, day: int, label: str, sentence: str) -> None:
        self.findings.append(f"{date.fromordinal(day)}{label}: {sentence}")


def _traces_removed(days: Sequence[tuple[date, date]], label: str) -> str:
    first, last = min(days)[0], max(days)[0]
    stretch = f"{first}" if first == last else f"{first} to {last}"
    return f"the trace of {stretch}{label}: removed by the retention, last on {max(on for _, on in days)}"


def content(
    store: Store,
    household: HouseholdKey,
    meters: Iterable[Meter],
    keys: GatewayKeys,
    zone: ZoneInfo,
    progress: Progress,
) -> Report:
    """Open every row and block with the household's key."""
    numbers = {keys.secret.meter_tag(meter.number): meter.number for meter in meters}
    with store.snapshot():
        opened_keys: dict[int, DataKey | None] = {}
        findings = []
        for record in store.all_data_keys():
            opened_keys[record.id] = _opened(record, household, numbers)
            if opened_keys[record.id] is None:
                findings.append(f"{date.fromordinal(record.day)}: a data key does not open")
        broken: list[tuple[str, int]] = []
        opened, of = 0, store.count_sealed()
        for done, (kind, sealed) in enumerate(store.all_sealed()):
            if done % _NEWS_EVERY == 0:
                progress(done, of)
            data_key = opened_keys.get(sealed.data_key_id)
            try:
                if data_key is not None:
                    data_key.unseal(kind, sealed.period, sealed.sequence, sealed.sealed)
                    opened += 1
            except SealBroken:
                broken.append((kind, sealed.period))
        progress(of, of)
    findings += _grouped(broken, zone, "does not open as it was sealed: it was altered, moved or exchanged")
    return Report(tuple(findings), opened=opened)


def _opened(record: DataKeyRecord, household: HouseholdKey, numbers: dict[bytes, str]) -> DataKey | None:
    try:
        return data_keys.opened(record, household, numbers[record.meter_tag])
    except (CannotUnlock, SealBroken, KeyError, ValueError):
        return None


def _grouped(places: Iterable[tuple[str, int]], zone: ZoneInfo, sentence: str) -> list[str]:
    """A finding for each day and kind: its periods by their local times."""
    times: dict[tuple[date, str], list[datetime]] = {}
    for kind, period in places:
        at = datetime.fromtimestamp(period, zone)
        times.setdefault((at.date(), kind), []).append(at)
    findings = []
    for (day, kind), found in sorted(times.items()):
        what = "trace block" if kind == "trace" else f"{kind} row"
        when = f"{min(found):%H:%M}" if len(found) == 1 else f"{min(found):%H:%M} to {max(found):%H:%M}"
        findings.append(f"{day}, {what} {when}: {sentence}")
    return findings
