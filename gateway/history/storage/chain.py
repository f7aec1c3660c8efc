"""The chain of data keys: what of it is authenticated, and how. Pure.

HPKE hides but does not say who sealed; only the gateway itself, with its device key, can make these
macs. Each record of a data key names the one before it and all that was sealed under that one, so
that nothing can be put in, taken out, exchanged or put back unnoticed. The key in use has no
successor yet: its *head*, hidden beside it with each batch, says how far it has come.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.history.keys.root_keys import Authenticator, joined
from gateway.history.storage.rows import DataKeyRecord, FirstKept, Mark

_NOTHING = bytes(32)


@dataclass(frozen=True, slots=True)
class Tally:
    """A count of rows or blocks, and the SHA-256 chain over their marks, in order."""

    count: int = 0
    digest: bytes = _NOTHING

    def with_(self, mark: Mark) -> Tally:
        place = joined(mark.kind.encode(), struct.pack(">qq", mark.period, mark.sequence), mark.tag)
        return Tally(self.count + 1, hashlib.sha256(self.digest + place).digest())


UNKNOWN = Tally(-1)
"""What lay under a key, when the memory of it was gone."""


@dataclass(frozen=True, slots=True)
class Head:
    """What lies under the newest data key of a meter. `running` is the block that is still rewritten."""

    data_key_id: int
    rows: Tally = Tally()
    ended_blocks: Tally = Tally()
    running: Mark | None = None

    @property
    def blocks(self) -> Tally:
        return self.ended_blocks if self.running is None else self.ended_blocks.with_(self.running)

    def with_row(self, mark: Mark) -> Head:
        # Not dataclasses.replace: it takes as long as all the rest of a row.
        return Head(self.data_key_id, self.rows.with_(mark), self.ended_blocks, self.running)

    def with_block(self, mark: Mark, again: bool) -> Head:
        """`again`: it takes the place of the running one, which had less in it."""
        ended = self.ended_blocks if again else self.blocks
        return Head(self.data_key_id, self.rows, ended, mark)


def heads_json(heads: Mapping[bytes, Head]) -> bytes:
    """The heads of all meters, by their tags, as bytes to be hidden."""
    return json.dumps({tag.hex(): _head_fields(head) for tag, head in heads.items()}).encode()


def heads_of(plain: bytes) -> dict[bytes, Head]:
    """The inverse of `heads_json`."""
    return {bytes.fromhex(tag): _head(fields) for tag, fields in json.loads(plain).items()}


def _head_fields(head: Head) -> list[Any]:
    run = head.running
    return [
        head.data_key_id,
        *(part for tally in (head.rows, head.ended_blocks) for part in (tally.count, tally.digest.hex())),
        None if run is None else [run.period, run.sequence, run.tag.hex()],
    ]


def _head(fields: list[Any]) -> Head:
    key_id, rows, rows_digest, blocks, blocks_digest, running = fields
    mark = None
    if running is not None:
        mark = Mark(key_id, "trace", running[0], running[1], bytes.fromhex(running[2]))
    return Head(
        key_id,
        Tally(rows, bytes.fromhex(rows_digest)),
        Tally(blocks, bytes.fromhex(blocks_digest)),
        mark,
    )


def authenticated(record: DataKeyRecord, authenticator: Authenticator) -> DataKeyRecord:
    """The record with the mac that this gateway gives it."""
    return replace(record, mac=_mac(record, authenticator))


def is_genuine(record: DataKeyRecord, authenticator: Authenticator) -> bool:
    return hmac.compare_digest(record.mac, _mac(record, authenticator))


def _mac(record: DataKeyRecord, authenticator: Authenticator) -> bytes:
    numbers = (record.id, record.day, record.previous_id, record.previous_rows, record.previous_blocks)
    return authenticator.mac(
        b"data key",
        *(str(number).encode() for number in numbers),
        record.meter_tag,
        record.suite.encode(),
        record.sealed,
        record.previous_rows_digest,
        record.previous_blocks_digest,
    )


def trace_removed(record: DataKeyRecord, removed_at: int, authenticator: Authenticator) -> DataKeyRecord:
    """The record when retention has removed the trace that lay under its key."""
    mac = authenticator.mac(
        b"trace removed", str(record.id).encode(), record.meter_tag, str(removed_at).encode()
    )
    return replace(record, trace_removed_at=removed_at, removal_mac=mac)


def is_removal_genuine(record: DataKeyRecord, authenticator: Authenticator) -> bool:
    """Whether retention itself removed the trace, as the record says."""
    if record.trace_removed_at is None or record.removal_mac is None:
        return False
    made = trace_removed(record, record.trace_removed_at, authenticator).removal_mac
    return made is not None and hmac.compare_digest(record.removal_mac, made)


def kept_from(first: FirstKept, authenticator: Authenticator) -> FirstKept:
    """The note, with its mac, that retention removed what was before this data key."""
    mac = authenticator.mac(
        b"first kept", first.meter_tag, str(first.data_key_id).encode(), str(first.removed_at).encode()
    )
    return replace(first, mac=mac)


def is_first_genuine(first: FirstKept, authenticator: Authenticator) -> bool:
    return hmac.compare_digest(first.mac, kept_from(first, authenticator).mac)
