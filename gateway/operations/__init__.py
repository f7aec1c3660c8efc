"""What an owner, a recipient or a script can do: each act once, typed; all that the edges call.

running    the running gateway                   opening   what a command does without it
sharing    the acts about consents               consents  what is seen of them
keys       claim, unlock, password, renewal      storage   retention, backup, contracts, check, erasing
costs      what periods cost                     status    how the gateway is doing
remote     what other processes may ask          wire      typed values as JSON
"""

from gateway.consent import (
    CATEGORY_NAMES,
    GRANULARITY_NAMES,
    LONGEST,
    LONGEST_INTERVAL_S,
    LONGEST_NAME,
    LONGEST_PURPOSE,
    USUAL,
    WITHDRAWAL,
    Category,
    Consent,
    Entry,
    Event,
    Gap,
    Granularity,
    Notice,
    Sent,
    State,
    Terms,
    inferences,
    notice_text,
)
from gateway.costs import Contract, Cost
from gateway.folder import control_socket
from gateway.history import (
    SHORTEST_PASSWORD,
    OpenHistory,
    Period,
    Point,
    Renewed,
    Report,
    Retention,
    Row,
    Span,
    Usage,
    export,
    midnight,
)
from gateway.live import Live, Snapshot
from gateway.operations.consents import Consents
from gateway.operations.costs import costs_of
from gateway.operations.keys import Keys, KeyStatus, recover_alone
from gateway.operations.opening import (
    Opened,
    alone,
    beside,
    check_files,
    confirm_clock,
    consents_beside,
)
from gateway.operations.remote import Answered, NotUnderstood, asked, name_of, result_of
from gateway.operations.running import Gateway, Operations
from gateway.operations.setup_code import SetupCode
from gateway.operations.sharing import Granted, Sharing, Withdrawn
from gateway.operations.status import Implausible, Status
from gateway.operations.storage import Storage, back_up, erase_everything, restore
from gateway.operations.wire import to_json
from gateway.p1 import TARIFF_NAMES, MBusReading, Reading
from gateway.sharing import USUAL_FORMAT, USUAL_TRANSPORT, Credentials

__all__ = [
    "CATEGORY_NAMES",
    "GRANULARITY_NAMES",
    "LONGEST",
    "LONGEST_INTERVAL_S",
    "LONGEST_NAME",
    "LONGEST_PURPOSE",
    "SHORTEST_PASSWORD",
    "TARIFF_NAMES",
    "USUAL",
    "USUAL_FORMAT",
    "USUAL_TRANSPORT",
    "WITHDRAWAL",
    "Answered",
    "Category",
    "Consent",
    "Consents",
    "Contract",
    "Cost",
    "Credentials",
    "Entry",
    "Event",
    "Gap",
    "Gateway",
    "Granted",
    "Granularity",
    "Implausible",
    "KeyStatus",
    "Keys",
    "Live",
    "MBusReading",
    "NotUnderstood",
    "Notice",
    "OpenHistory",
    "Opened",
    "Operations",
    "Period",
    "Point",
    "Reading",
    "Renewed",
    "Report",
    "Retention",
    "Row",
    "Sent",
    "SetupCode",
    "Sharing",
    "Snapshot",
    "Span",
    "State",
    "Status",
    "Storage",
    "Terms",
    "Usage",
    "Withdrawn",
    "alone",
    "asked",
    "back_up",
    "beside",
    "check_files",
    "confirm_clock",
    "consents_beside",
    "control_socket",
    "costs_of",
    "erase_everything",
    "export",
    "inferences",
    "midnight",
    "name_of",
    "notice_text",
    "recover_alone",
    "restore",
    "result_of",
    "to_json",
]
