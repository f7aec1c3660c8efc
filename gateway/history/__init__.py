"""The sealed history: the daemon adds to it, only the owner can read it back.

sealed_history   the whole: claimed once, recorded into, unlocked by the owner
queries          what the owner asks after an unlock      upkeep   renewal, retention, backup, checks
recording        from readings to the disk
storage          what lies there, and its chain
keys             the one place where they are touched
records          profile and trace: what is kept of readings (pure)

Imports point down this list.
"""

from gateway.history.keys.hidden_file import HiddenFile
from gateway.history.keys.password import SHORTEST_PASSWORD
from gateway.history.keys.root_keys import DeviceKey, GatewayKeys, GatewaySecret
from gateway.history.queries import export
from gateway.history.queries.open_history import OpenHistory
from gateway.history.queries.points import Point
from gateway.history.queries.usage import Comparison, Usage
from gateway.history.recording.plausibility import Judged, Plausibility
from gateway.history.recording.recorder import Recorder
from gateway.history.recording.writer import Batch, WriterThread
from gateway.history.records.meters import Meter
from gateway.history.records.periods import (
    Period,
    Span,
    boundaries,
    midnight,
    next_start,
    period_start,
)
from gateway.history.records.profile import Row
from gateway.history.sealed_history import RENEWED_EVERY, Extent, Renewed, SealedHistory
from gateway.history.storage.key_files import FolderLock, is_credential, keys_beside, open_keys, settle
from gateway.history.upkeep import backup, recovery, salvage
from gateway.history.upkeep.erase import erase
from gateway.history.upkeep.renewal import Progress
from gateway.history.upkeep.retention import Retention, RetentionChoice
from gateway.history.upkeep.verify import Report

__all__ = [
    "RENEWED_EVERY",
    "SHORTEST_PASSWORD",
    "Batch",
    "Comparison",
    "DeviceKey",
    "Extent",
    "FolderLock",
    "GatewayKeys",
    "GatewaySecret",
    "HiddenFile",
    "Judged",
    "Meter",
    "OpenHistory",
    "Period",
    "Plausibility",
    "Point",
    "Progress",
    "Recorder",
    "Renewed",
    "Report",
    "Retention",
    "RetentionChoice",
    "Row",
    "SealedHistory",
    "Span",
    "Usage",
    "WriterThread",
    "backup",
    "boundaries",
    "erase",
    "export",
    "is_credential",
    "keys_beside",
    "midnight",
    "next_start",
    "open_keys",
    "period_start",
    "recovery",
    "salvage",
    "settle",
]
