"""The daemon: the rooms joined, and the one loop that a telegram goes through.

Threads: the meter's loop (the caller's own thread), the history's writer, the dispatcher's and
MQTT's, the page's, the control socket's, the upkeep's, and systemd's watchdog.
A thread that dies takes the daemon down: systemd starts it again, and nothing fails silently.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from gateway.clock import GatewayClock
from gateway.config import Config
from gateway.consent import DisclosureLog, Ledger
from gateway.control import ControlServer
from gateway.daemon.systemd import notify_systemd
from gateway.daemon.upkeep import Upkeep
from gateway.errors import (
    ClockNotBelieved,
    ClockNotSet,
    ConfigError,
    ConsentError,
    GatewayError,
    HistoryError,
    MalformedTelegram,
    MeterNumberMissing,
    MeterUnavailable,
)
from gateway.folder import (
    DataFolder,
    RollbackCheck,
    WitnessPlace,
    checkpoint_places,
    open_clock,
    open_folder,
    open_ledger,
    open_retention,
    open_tariffs,
    take_folder,
)
from gateway.history import Judged, Plausibility, Recorder, Row, WriterThread
from gateway.live import Live, kind_of
from gateway.meter import MeterLine, frames, read_key
from gateway.operations import (
    Gateway,
    Implausible,
    Keys,
    Operations,
    SetupCode,
    Sharing,
    Status,
    Storage,
)
from gateway.p1 import Decoder, Frame, Framer, MeterClock
from gateway.p1.cipher import Decryptor
from gateway.panel import open_panel
from gateway.sharing import Dispatcher, DispatcherThread, Outbox, open_transports
from gateway.web import PageServer, create_app

_TICK_S = 5.0
_LONGEST_TURN_S = 900.0
_SAME_FAULT_AGAIN_S = 600.0

log = logging.getLogger(__name__)


class Daemon:
    """Everything that runs, from `run` to `stop`."""

    def __init__(self, config: Config, clock: GatewayClock | None = None) -> None:
        """Raises GatewayError when it cannot start."""
        self._config = config
        self._clock = clock = clock or GatewayClock()
        self._stopping = threading.Event()
        self._failed = False
        self._told: dict[str, float] = {}
        self._clock_doubt: ClockNotBelieved | None = None
        self._ticked_at = time.monotonic()
        self.live = Live(clock)
        self._lock = take_folder(config, tell=self._fault, as_root=False)
        folder = open_folder(config)
        self.history = folder.history
        self._history_fault = self.history.older_copy()
        open_clock(folder, clock).note_history(self.history.newest_midnight())
        self.ledger = self._open_ledger(folder)
        self._disclosures = DisclosureLog(
            folder.hidden("disclosures"), clock, folder.hidden("disclosures-since")
        )
        transports = open_transports(config, folder.hidden, clock)
        self._dispatcher = Dispatcher(
            self.ledger,
            self._disclosures,
            Outbox(folder.hidden("outbox"), clock),
            transports,
            clock,
            clock_is_believed=lambda: clock.doubt() is None,
        )
        self._dispatching = DispatcherThread(self._dispatcher, self._fault)
        self.sharing = Sharing(
            self.ledger, transports, self._disclosures, clock, self._sharing_changed, clock.doubt
        )
        witness = next((one.witness for one in transports.values() if one.witness is not None), None)
        self._rollback = RollbackCheck(
            self.ledger,
            self.history,
            checkpoint_places(folder, config, self.ledger, self.history),
            None if witness is None else WitnessPlace(witness, folder.secret),
        )
        self._rollback.start()
        self._check_files()
        retention = open_retention(folder, config)
        self._upkeep = Upkeep(
            self.history,
            retention,
            self.sharing,
            self._dispatcher,
            (Path(config.history.backup_dir), config.history.backup_keep)
            if config.history.backup_dir
            else None,
            clock,
            self._fault,
        )
        self.setup_code = SetupCode(folder.setup_code)
        self.operations = Operations(
            gateway=Gateway(self.live, self.status),
            sharing=self.sharing,
            keys=Keys(self.history, self.setup_code, clock, self.live.meter_number),
            storage=Storage(self.history, retention, open_tariffs(folder), clock),
            live=self.live,
            clock=clock,
            zone=config.history.zone,
        )
        self._recording: tuple[Recorder, WriterThread] | None = None
        meter = config.meter
        self._framer = Framer(Decryptor(read_key(meter.key_file)))
        self._decoder = Decoder(
            MeterClock(config.history.zone, meter.winter_time_only), meter.number.strip() or None
        )
        self._plausibility = Plausibility(self._fault, clock)
        self._page = self._page_server(folder.secret.subkey("known browsers"))
        self._control = ControlServer(folder.control, self.operations.answered())
        self._panel = open_panel(config.panel, self._button_held)

    def _open_ledger(self, folder: DataFolder) -> Ledger:
        ledger = open_ledger(folder, self._clock)
        try:
            ledger.upgrade()
        except ConsentError as fault:  # on a full disk it stays as version 0.1 wrote it
            self._fault(fault)
        return ledger

    # --- a telegram's way --------------------------------------------------------------------

    def _read(self) -> None:
        """The meter's loop."""
        line = MeterLine(self._config.meter.source, self._config.meter.serial)
        for frame in frames(  # bytes, resynchronised, checksum or tag verified
            line.open, self._framer, self._stopping.wait, self._fault, line.watch
        ):
            if self._stopping.is_set():
                return
            if frame is not None and self._take(frame):
                line.settle()

    def _take(self, frame: Frame) -> bool:
        """False when it means nothing."""
        try:
            reading = self._decoder.decode(frame, self._clock())
        except MalformedTelegram as error:
            self._fault(error)
            return False
        if reading.timed:
            self._clock.note_meter(reading.at)
        elif self._clock.doubt() is not None:  # it is the only one
            self._fault(ClockNotSet())
            self.live.show(self._plausibility.possible(reading), {})
            return True
        recorder = self._recorder()  # what it remembers is what the reading is judged by
        plausible = self._plausibility.judge(reading)  # held until confirmed, else as it came
        for judged in plausible:
            rows = self._record(judged, recorder)  # to the writer's thread: sealed, on disk
            self._dispatching.offer(rows, judged.reading)  # to the dispatcher's: what was consented to
        if not plausible:
            self.live.note_held()
        self._panel.beat()
        return True

    def _record(self, judged: Judged, recorder: Recorder | None) -> list[Row]:
        """Into the history, once the gateway has an owner; and onto the page."""
        rows = [] if recorder is None else recorder.record(*judged)
        self.live.show(judged.reading, {} if recorder is None else recorder.usage_today())
        if judged.reading.meter_number is None:
            self._fault(MeterNumberMissing())
        return rows

    def _recorder(self) -> Recorder | None:
        """None before the claim: without the owner's key there is nothing to seal with."""
        if self._recording is None:
            if not self.history.claimed:
                return None
            writer = self.history.writer_thread(self._fault)
            interval = timedelta(seconds=self._config.history.flush_interval_s)
            self._recording = (self.history.recorder(writer.submit, interval, self._plausibility), writer)
            self.history.start(writer)
        return self._recording[0]

    # --- running -----------------------------------------------------------------------------

    def run(self, on_ready: Callable[[], None] = lambda: None) -> bool:
        """Run until `stop`, a signal to stop, or the end of a capture. False: a part of it failed."""
        if not self.history.claimed:
            self.setup_code.ensure()
            log.info("this gateway has no owner yet: claim it on its page, with the setup code")
        if self.ledger.fault is not None:
            log.error("%s", self.ledger.fault)
        if self._history_fault is not None:
            log.error("%s", self._history_fault)
        threading.excepthook = self._thread_died
        parts = (self._dispatching, self._page, self._control)
        for part in parts:
            part.start()
        upkeep = threading.Thread(target=self._look_after, name="upkeep")
        upkeep.start()
        watching = threading.Thread(target=self._watch, name="watchdog")
        watching.start()
        try:
            notify_systemd("READY=1")
            on_ready()
            self._read()
        finally:
            self._stopping.set()
            notify_systemd("STOPPING=1")
            upkeep.join()
            watching.join()
            for part in parts:
                part.stop()
            self._finish()
        return not self._failed

    def stop(self) -> None:
        """End `run`, in an orderly way, within a few seconds."""
        self._stopping.set()

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT end `run`. Only in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())

    def _finish(self) -> None:
        self._panel.close()
        self._check_files()
        try:
            self._dispatcher.stop()
            self._disclosures.close()
            self._clock.save()
        except HistoryError as fault:
            self._fault(fault)
        reading = self.live.latest().reading
        if self._recording is not None:
            recorder, writer = self._recording
            if reading is not None:
                recorder.flush(reading.at)
            writer.stop()
        self._lock.release()

    def _look_after(self) -> None:
        while not self._stopping.wait(_TICK_S):
            self._ticked_at = time.monotonic()
            self._note_clock()
            self._look_for_rollback()
            self._upkeep.tick()

    def _note_clock(self) -> None:
        """Remember how late it is, and tell once when the clock is doubted or believed again."""
        try:
            self._clock.save(due_only=True)
        except HistoryError as fault:
            self._fault(fault)
        before, self._clock_doubt = self._clock_doubt, self._clock.doubt()
        if type(before) is not type(self._clock_doubt):
            if self._clock_doubt is None:
                log.info("this machine's clock is believed again")
            else:
                log.warning("%s", self._clock_doubt)

    def _watch(self) -> None:
        """Tell systemd that all is well; a turn of the upkeep may take a while, on a slow stick."""
        while not self._stopping.wait(_TICK_S):
            if time.monotonic() - self._ticked_at < _LONGEST_TURN_S:
                notify_systemd("WATCHDOG=1")

    def _thread_died(self, died: threading.ExceptHookArgs) -> None:
        log.critical(
            "the thread %s failed, the gateway stops",
            died.thread.name if died.thread else "?",
            exc_info=(died.exc_type, died.exc_value or died.exc_type(), died.exc_traceback),
        )
        self._failed = True
        self._stopping.set()

    def _fault(self, fault: GatewayError) -> None:
        """Tell of a fault, once in a while; on the page, always."""
        self.live.note_fault(fault)
        now, sentence = time.monotonic(), str(fault)
        kind = sentence if isinstance(fault, MeterUnavailable) else type(fault).__name__
        if kind not in self._told or now - self._told[kind] >= _SAME_FAULT_AGAIN_S:
            self._told[kind] = now
            log.warning("%s", sentence)

    def _look_for_rollback(self) -> None:
        """Every few seconds, at the broker too: whether older files were put back."""
        before = self.ledger.fault
        try:
            self._rollback.tick()
        except GatewayError as fault:
            self._fault(fault)
        if self.ledger.fault not in (None, before):
            log.error("%s", self.ledger.fault)

    def _sharing_changed(self) -> None:
        """After each act of the owner: it counts at once, and cannot be undone by older files."""
        self._dispatcher.reconcile()
        self._check_files()

    def _check_files(self) -> None:
        try:
            self._rollback.tick(visit_broker=False)
        except GatewayError as fault:  # the upkeep tries it again
            self._fault(fault)

    def _button_held(self) -> None:
        """The button at the meter: stop sharing, or start it again."""
        try:
            if self.sharing.stopped:
                self.sharing.start("button")
            else:
                self.sharing.stop("button")
        except GatewayError as error:
            log.error("%s", error)

    # --- what the edges see -------------------------------------------------------------------

    def _page_server(self, browser_key: bytes) -> PageServer:
        settings = self._config.page
        try:
            return PageServer(create_app(self.operations, settings, browser_key), settings)
        except OSError as error:
            where = settings.socket or f"{settings.host}:{settings.port}"
            raise ConfigError(f"the page cannot listen at {where}: {error.strerror or error}") from None

    def status(self) -> Status:
        """How the gateway is doing: no reading, no number."""
        latest = self.live.latest()
        now, doubt = self._clock(), self._clock.doubt()
        judged = self._plausibility
        connected = self._dispatcher.connected().items()
        return Status(
            claimed=self.history.claimed,
            meter="receiving" if self.live.is_fresh() else "silent",
            telegrams=latest.telegrams,
            damaged=latest.damaged,
            fault=None if latest.fault is None else str(latest.fault),
            fault_kind=None if latest.fault is None else kind_of(type(latest.fault)),
            faults=self.live.faults(),
            noise_bytes=self._framer.noise,
            messages=self.live.messages,
            clock_losses=self.live.clock_losses,
            implausible=Implausible(
                judged.held, judged.dropped, judged.epochs, judged.impossible, judged.refused
            ),
            simulated=latest.reading is not None and latest.reading.simulated,
            country=None if latest.reading is None else latest.reading.country,
            last_telegram_at=latest.received_at and latest.received_at.replace(microsecond=0),
            clock="believed" if doubt is None else str(doubt),
            sharing=self._sharing_status(now),
            consents=len(self.ledger.valid(now)),
            transports={name: "connected" if is_up else "not connected" for name, is_up in connected},
            last_backup=self._upkeep.last_backup,
            removed_for_room_until=self._upkeep.removed_for_room_until,
            history_waiting=self._recording[1].waiting if self._recording else 0,
            history_dropped=self._recording[1].dropped if self._recording else 0,
            history_fault=self._history_fault_now(),
            ledger_fault=None if self.ledger.fault is None else str(self.ledger.fault),
        )

    def _history_fault_now(self) -> str | None:
        if self._history_fault is not None:
            self._history_fault = self.history.older_copy()  # until the owner has accepted it
        return None if self._history_fault is None else str(self._history_fault)

    def _sharing_status(self, now: datetime) -> str:
        if self.ledger.fault is not None:
            return str(self.ledger.fault)
        if self.ledger.sharing_stopped:
            return "stopped"
        if self._clock.doubt() is not None:
            return "waits until this machine's clock can be believed"
        return "on" if self.ledger.valid(now) else "nobody has a consent"
