"""A machine whose clock is behind, with the real daemon, page and broker: nobody receives a thing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import SETTLED_AFTER_S
from gateway.config import (
    BrokerConfig,
    Config,
    HistoryConfig,
    MeterConfig,
    PageConfig,
    PanelConfig,
)
from gateway.consent import Category, Granularity
from gateway.consent.ledger import Event
from gateway.daemon.daemon import Daemon
from gateway.errors import ClockBehind, ClockNotBelieved, ClockNotYetSet
from gateway.folder.data_folder import open_clock, open_folder, open_ledger
from gateway.history.keys.keyring import COST_IN_TESTS
from gateway.sharing.transports.mqtt import BrokerSecrets, Mosquitto, provision
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS
from tests.made_up import NOON, PASSWORD, terms
from tests.ports import free_port
from tests.running import FedMeter, Machine, Recipient, RunningGateway, until

HOUR = timedelta(hours=1)


class Home:
    """A machine with the gateway on it; the daemon runs here, with the machine's clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.machine = Machine(NOON)
        self.line = FedMeter()
        self.config = Config(
            meter=MeterConfig(source=self.line.address),
            history=HistoryConfig(data_dir=folder / "folder", device_key=folder / "device.key"),
            broker=BrokerConfig(port=free_port()),
            page=PageConfig(port=free_port()),
            panel=PanelConfig(enabled=False),
        )
        paths = open_folder(self.config)
        own = BrokerSecrets.load_or_create(paths.hidden("broker"))
        port = self.config.broker.port
        self._broker = Mosquitto(provision(paths.broker, own, port), port)
        self._thread: threading.Thread | None = None

    def start(self) -> Daemon:
        self.daemon = Daemon(self.config, self.machine.clock())
        self._thread = threading.Thread(target=self.daemon.run)
        self._thread.start()
        self.line.accept()
        return self.daemon

    def stop(self) -> None:
        self.daemon.stop()
        self.line.hang_up()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def power_cut(self, off: timedelta, behind: timedelta) -> None:
        """The machine was off, and its clock is behind the true time when it is on again."""
        self.stop()
        self.machine.restart(off)
        self.machine.offset, self.machine.synchronised = -behind, False

    def send(self, at: datetime | None = None) -> None:
        """A telegram arrives; one that is passed on whole before this returns."""
        before = self.daemon.live.latest().telegrams
        self.machine.pass_by(timedelta(seconds=10))
        at = at or self.machine.true
        # Made anew each time: what a home used within many years takes long to make up.
        meter = SimulatedMeter(Household(3), at.replace(hour=0, minute=0, second=0))
        self.line.send(meter.bytes_at(at))
        until(lambda: self.daemon.live.latest().telegrams > before)

    def reconciled(self) -> bool:
        """As the upkeep does every few seconds."""
        self.daemon._dispatcher.reconcile()
        return True

    def connected(self) -> bool:
        return self.daemon.status().transports["mqtt"] == "connected"

    def close(self) -> None:
        self.stop()
        self._broker.stop()
        self.line.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.close()


def granted_until(home: Home, end: datetime) -> Any:
    grants = {Category.POWER: Granularity.LIVE}
    granted = home.daemon.sharing.grant(
        terms(grants, valid_from=NOON - 300 * 24 * HOUR, valid_until=end, live_interval_s=1), "page"
    )
    return granted.credentials


def test_a_consent_that_ended_while_the_power_was_off_is_not_served_until_the_clock_is_believed(
    home: Home, tmp_path: Path
) -> None:
    home.machine.synchronised = True
    home.start()
    ended, lasting = (granted_until(home, NOON + span) for span in (HOUR, 60 * 24 * HOUR))
    until(home.connected)
    home.power_cut(off=5 * HOUR, behind=5 * HOUR)
    home.start()
    recipients = [
        Recipient(home.config.broker.port, c["username"], c["password"], c["topic"], tmp_path)
        for c in (ended, lasting)
    ]
    with closing(recipients[0]), closing(recipients[1]):
        for _ in range(5):  # the meter knows that it is later
            home.send()
            assert not home.connected()
        home.machine.pass_by(timedelta(seconds=SETTLED_AFTER_S))
        home.send()
        assert not home.connected()
        status = home.daemon.status()
        assert "it is behind the meter's" in status.clock
        assert status.sharing.startswith("waits until")
        with pytest.raises(ClockNotBelieved):
            granted_until(home, NOON + 90 * 24 * HOUR)
        home.machine.offset, home.machine.synchronised = timedelta(0), True
        home.send()
        until(home.connected)
        home.send()
        topic = f"p1/{lasting['username']}/live"
        until(lambda: recipients[1].of(topic))
    assert home.daemon.status().clock == "believed"
    assert not recipients[0].of(f"p1/{ended['username']}/live")


@pytest.mark.parametrize("behind", [timedelta(minutes=10), timedelta(days=2), timedelta(days=9000)])
@pytest.mark.parametrize("synchronised", [True, False])
def test_a_clock_behind_the_newest_line_of_the_ledger_connects_to_no_broker(
    home: Home, behind: timedelta, synchronised: bool
) -> None:
    home.machine.synchronised = True
    home.start()
    granted_until(home, NOON + 24 * HOUR)
    until(home.connected)
    home.power_cut(off=timedelta(seconds=1), behind=behind)
    (home.folder / "folder/hidden/clock").unlink()  # the ledger alone says how late it was
    home.start()
    home.machine.synchronised = synchronised
    home.daemon._dispatcher.reconcile()
    assert isinstance(home.daemon.sharing.clock_doubt, ClockBehind if synchronised else ClockNotYetSet)
    home.machine.pass_by(timedelta(seconds=SETTLED_AFTER_S + 1) if not synchronised else timedelta(0))
    home.daemon._dispatcher.reconcile()
    time.sleep(0.5)
    assert not home.connected()
    assert isinstance(home.daemon.sharing.clock_doubt, ClockBehind)
    home.machine.offset = timedelta(0)
    until(lambda: home.reconciled() and home.connected())


def test_a_withdrawal_counts_at_once_while_the_clock_is_in_doubt(home: Home) -> None:
    home.machine.synchronised = True
    home.start()
    consent = granted_until(home, NOON + 24 * HOUR)["username"]
    home.power_cut(off=HOUR, behind=24 * HOUR)
    home.start()
    home.daemon.sharing.withdraw(consent, "page")
    entries = home.daemon.ledger.entries(consent)
    assert [entry.event for entry in entries][-2:] == ["withdrawn", "cut off"]
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)


@pytest.mark.parametrize("years", [1, 14, 73])
def test_a_meter_that_lies_years_ahead_ends_no_consent(home: Home, years: int) -> None:
    home.machine.synchronised = True
    home.start()
    granted_until(home, NOON + 24 * HOUR)
    until(home.connected)
    for _ in range(4):
        home.send(home.machine.true.replace(year=NOON.year + years))
    assert home.daemon.status().consents == 1
    home.daemon.sharing.maintain()
    assert home.connected()
    home.stop()
    home.start()
    assert home.daemon.status().consents == 1


def test_what_waits_for_a_recipient_outlasts_a_doubt_about_the_clock(home: Home) -> None:
    home.machine.synchronised = True
    home.start()
    home.daemon.history._cost = COST_IN_TESTS
    home.daemon.history.claim(PASSWORD)
    home.daemon.sharing.grant(
        terms({Category.ELECTRICITY: Granularity.QUARTER}, valid_until=NOON + 24 * HOUR), "page"
    )
    home.machine.offset = -HOUR
    for minutes in (1, 16, 31):
        home.machine.true = NOON + timedelta(minutes=minutes)
        home.send()
    outbox = home.daemon._dispatcher._outbox
    until(lambda: len(outbox.waiting()) >= 1)
    home.daemon._dispatcher.reconcile()
    assert outbox.waiting()
    home.machine.offset = timedelta(0)
    until(lambda: home.reconciled() and not outbox.waiting())


def test_the_owner_confirms_a_clock_by_command_with_the_gateway_stopped(tmp_path: Path) -> None:
    line = FedMeter()
    gateway = RunningGateway(tmp_path, line.address, broker=False)
    try:
        gateway.history.claim(PASSWORD)
        later = datetime.now(UTC) + 900 * 24 * HOUR  # a wrong clock was here once
        paths = open_folder(gateway.config)
        paths.hidden("clock").save(json.dumps({"reached": later.timestamp()}).encode())
        gateway.start()
        until(lambda: "clock is in doubt" in gateway.log())
        assert "clock is in doubt" in gateway.status()["clock"]
        assert "clock      nothing is shared while this machine's clock" in gateway.command("status").stdout
        running = gateway.command("confirm-clock", "--yes")
        assert (running.returncode, "stop it first" in running.stderr) == (1, True)
        gateway.stop()
        refused = gateway.command("confirm-clock", stdin="n\n")
        assert refused.returncode == 1
        assert f"{datetime.now(UTC):%Y}" in refused.stderr
        done = gateway.command("confirm-clock", stdin="y\n")
        assert done.returncode == 0, done.stderr
        gateway.start()
        assert gateway.status()["clock"] == "believed"
    finally:
        gateway.close()
        line.close()


def test_a_list_of_consents_goes_by_the_gateways_time_not_by_a_clock_behind(tmp_path: Path) -> None:
    line = FedMeter()
    gateway = RunningGateway(tmp_path, line.address, broker=False)
    try:
        paths = open_folder(gateway.config)
        now = datetime.now(UTC)
        clock = open_clock(paths)
        ledger = open_ledger(paths, clock)
        ledger.append(
            Event.REQUESTED, "c1", terms=terms(valid_from=now - HOUR, valid_until=now + HOUR).as_json()
        )
        ledger.append(Event.GIVEN, "c1")
        listed = json.loads(gateway.command("consent", "list", "--json").stdout)
        assert [consent["state"] for consent in listed] == ["given"]
        clock.never_before(now + 2 * HOUR)  # that late it was once
        clock.save()
        listed = json.loads(gateway.command("consent", "list", "--json").stdout)
        assert [consent["state"] for consent in listed] == ["expired"]
        assert json.loads(gateway.command("consent", "receipt", "c1").stdout)["state"] == "expired"
    finally:
        gateway.close()
        line.close()


@pytest.fixture
def untimed(tmp_path: Path) -> Config:
    """A gateway on a capture of a meter that sends no time."""
    meter = SimulatedMeter(Household(3), NOON, DIALECTS["nl-dsmr22"])
    capture = tmp_path / "capture.bin"
    capture.write_bytes(b"".join(meter.bytes_at(NOON + timedelta(seconds=10 * n)) for n in range(3)))
    return Config(
        meter=MeterConfig(source=f"file://{capture}"),
        history=HistoryConfig(data_dir=tmp_path / "folder", device_key=tmp_path / "device.key"),
        broker=BrokerConfig(port=free_port()),
        page=PageConfig(port=free_port()),
        panel=PanelConfig(enabled=False),
    )


def run(config: Config, synchronised: bool) -> tuple[Daemon, int]:
    """Run to the end of the capture; returns how many profile rows were recorded."""
    machine = Machine(NOON)
    machine.synchronised = synchronised
    running = Daemon(replace(config), machine.clock())
    running.history._cost = COST_IN_TESTS
    running.history.claim(PASSWORD)
    running.run()
    return running, running.history.verify().rows


def test_until_the_clock_is_believed_nothing_is_recorded_under_it_and_that_is_said(untimed: Config) -> None:
    running, rows = run(untimed, synchronised=False)
    assert rows == 0
    assert running.live.latest().telegrams == 3
    assert running.live.faults()["clock_not_set"] == 3


def test_with_a_believed_clock_a_meter_without_one_is_recorded(untimed: Config) -> None:
    running, rows = run(untimed, synchronised=True)
    assert rows > 0
    assert "clock_not_set" not in running.live.faults()
