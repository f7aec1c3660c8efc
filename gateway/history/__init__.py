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
from gateway.history.keys.root_keys import DeviceKey, GatewayKeys, GatewaySecret
from gateway.history.queries.open_history import OpenHistory
from gateway.history.queries.usage import Comparison, Usage
from gateway.history.recording.plausibility import Judged, Plausibility
from gateway.history.recording.recorder import Recorder
from gateway.history.recording.writer import Meter, WriterThread
from gateway.history.records.periods import Period, Span
from gateway.history.records.profile import Row
from gateway.history.sealed_history import Extent, SealedHistory
from gateway.history.storage.key_files import (
    FolderLock,
    is_credential,
    open_keys,
    settle,
)
from gateway.history.upkeep.retention import Retention, RetentionChoice

__all__ = [
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
    "Recorder",
    "Retention",
    "RetentionChoice",
    "Row",
    "SealedHistory",
    "Span",
    "Usage",
    "WriterThread",
    "is_credential",
    "open_keys",
    "settle",
]
