"""kill -9 in the middle of writing, and a start thereafter. (Power cuts are another test's.)"""

from __future__ import annotations

import json
import random
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.history import Meter, Period
from gateway.simulator import Household, SimulatedMeter
from tests.running import PASSWORD, FedMeter, Recipient, RunningGateway, until

# Not at a whole minute: a flush that is due must not be what saves a row.
START = datetime(2026, 11, 10, 21, 50, 7, tzinfo=UTC)
FIRST_QUARTER = datetime(2026, 11, 10, 22, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 10, 23, tzinfo=UTC)  # at home
TELEGRAMS = 3 * 3600  # over twelve quarters, three hours and a midnight
CHUNK = 60
KILLS = 4


@pytest.fixture
def line() -> Iterator[FedMeter]:
    meter = FedMeter()
    yield meter
    meter.close()


@pytest.fixture
def gateway(tmp_path: Path, line: FedMeter) -> Iterator[RunningGateway]:
    running = RunningGateway(tmp_path, line.address)
    running.history.claim(PASSWORD)
    yield running
    running.close()


def wait_for(gateway: RunningGateway, telegrams: int) -> None:
    """Until they were taken in and written: here a meter's minute passes as fast as one write."""

    def done() -> bool:
        status = gateway.status()
        return bool(status["telegrams"] >= telegrams and status["history_waiting"] == 0)

    until(done)


def test_killed_while_writing_it_loses_no_profile_row_and_at_most_a_minute_of_trace(
    gateway: RunningGateway, line: FedMeter, tmp_path: Path
) -> None:
    meter = SimulatedMeter(Household(5), START)
    chance = random.Random(9)
    chunks = range(0, TELEGRAMS, CHUNK)
    # One of them at midnight: the end of a quarter, an hour and a day.
    killed_in = {
        int((MIDNIGHT - START).total_seconds()) // CHUNK,
        *chance.sample(range(2, len(chunks) - 2), KILLS - 1),
    }
    gateway.start()
    line.accept()
    granted = gateway.command(
        "consent", "grant", "--recipient", "app", "--purpose", "test", "--allow", "power=live",
        "--interval", "5", "--yes", "--json",
    )  # fmt: skip
    consent = json.loads(granted.stdout)
    live = f"p1/{consent['username']}/live"
    with closing(
        Recipient(gateway.broker_port, consent["username"], consent["password"], consent["topic"], tmp_path)
    ) as recipient:
        taken = 0
        for number, first in enumerate(chunks):
            telegrams = [meter.bytes_at(START + timedelta(seconds=first + s)) for s in range(CHUNK)]
            if number in killed_in:
                line.send(b"".join(telegrams[: chance.randrange(CHUNK)]))
                gateway.kill()
                gateway.start()
                line.accept()
                taken = 0
            line.send(b"".join(telegrams))
            taken += CHUNK
            wait_for(gateway, taken)
        # The page and the publishing go on.
        with urllib.request.urlopen(f"http://127.0.0.1:{gateway.page_port}/") as answer:
            assert answer.status == 200
        until(lambda: gateway.status()["transports"]["mqtt"] == "connected")
        before = len(recipient.of(live))
        for second in range(10):  # at a meter's pace: the interval holds by arrival, too
            line.send(meter.bytes_at(START + timedelta(seconds=TELEGRAMS + second)))
            time.sleep(1)
        until(lambda: len(recipient.of(live)) > before)
        assert gateway.stop() == 0

    opened = gateway.unlock(meter.number)
    electricity = Meter(meter.number, "electricity")
    end = START + timedelta(seconds=TELEGRAMS)
    quarters = [FIRST_QUARTER + timedelta(minutes=15 * n) for n in range(12)]
    for period, boundaries in (
        (Period.QUARTER, quarters),
        (Period.HOUR, [at for at in quarters if at.minute == 0]),
        (Period.DAY, [MIDNIGHT]),
    ):
        rows = {
            row.ends_at: row for row in opened.rows(period, START + timedelta(seconds=1), end, electricity)
        }
        assert set(rows) == set(boundaries)
        for at, row in rows.items():
            # Each one holds the registers of the second it says.
            stated = meter.reading_at(row.read_at).quantities
            assert row.quantities["energy_import_t1_wh"] == stated["energy_import_t1_wh"]
            assert row.read_at - at < timedelta(minutes=1)
    kept = sorted(
        {sample.at for block in opened.trace(START - timedelta(hours=1), end) for sample in block.samples}
    )
    lost = [b - a - 1 for a, b in pairwise(kept) if b - a > 1]
    assert sum(1 for gap in lost if gap) <= KILLS
    assert max(lost, default=0) <= 60
    assert not opened.damaged
    assert meter.number not in gateway.log()
