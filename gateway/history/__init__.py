"""The sealed history: the daemon adds to it, only the owner can read it back.

keyring         the household's keys                       suites     what they are made with, by name
root_keys       the gateway's own keys                     key_files  where those lie
seal            rows and blocks under a data key           chain      what of them is authenticated (pure)
renewal         other keys, every year                     recovery   a new password by recovery code
verify          what was altered, removed, put back        anchor     how far the history had come
retention       what goes, and when                        erase      all of it, the keys first
backup          to another disk, and back                  salvage    what is readable of a damaged file
plausibility    what of readings is believed (pure)        limits     how fast a register can rise (pure)
profile, trace  what is kept of readings (pure)            columns    how a trace becomes small (pure)
recorder        readings -> batches                        writer     batches -> disk, in its own thread
sealed_history  claim, unlock, record, keep                open_history   queries after an unlock
store, records  the SQLite file, and what lies in it       periods    local days, months, years (pure)
usage, points   what is told of rows and traces (pure)     tariffs    what it costs
export          to a spreadsheet or another program
"""

from gateway.history.hidden_file import HiddenFile
from gateway.history.key_files import FolderLock, open_keys, settle
from gateway.history.open_history import OpenHistory
from gateway.history.periods import Period, Span
from gateway.history.plausibility import Judged, Plausibility
from gateway.history.profile import Row
from gateway.history.recorder import Recorder
from gateway.history.retention import Retention, RetentionChoice
from gateway.history.root_keys import DeviceKey, GatewayKeys, GatewaySecret
from gateway.history.sealed_history import SealedHistory
from gateway.history.tariffs import TariffBook
from gateway.history.usage import Comparison, Usage
from gateway.history.writer import Meter, WriterThread

__all__ = [
    "Comparison",
    "DeviceKey",
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
    "TariffBook",
    "Usage",
    "WriterThread",
    "open_keys",
    "settle",
]
