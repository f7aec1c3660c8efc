"""The sealed history: the daemon adds to it, only the owner can read it back.

keyring         the keys; nothing else touches them        seal       rows and blocks under a data key
plausibility    what of readings is believed (pure)        limits     how fast a register can rise (pure)
profile, trace  what is kept of readings (pure)            store      the SQLite file
recorder        readings -> batches                        writer     batches -> disk, in its own thread
sealed_history  claim, unlock, record                      open_history   queries after an unlock
"""

from gateway.history.keyring import DeviceKey
from gateway.history.open_history import OpenHistory, Usage
from gateway.history.plausibility import Judged, Plausibility
from gateway.history.profile import Period, Row
from gateway.history.recorder import Recorder
from gateway.history.sealed_history import HiddenFile, SealedHistory
from gateway.history.writer import Meter, WriterThread

__all__ = [
    "DeviceKey",
    "HiddenFile",
    "Judged",
    "Meter",
    "OpenHistory",
    "Period",
    "Plausibility",
    "Recorder",
    "Row",
    "SealedHistory",
    "Usage",
    "WriterThread",
]
