"""A simulated week of every dialect, accepted by dsmr-parser; `peer_week` runs it at the true period."""

import re
from datetime import timedelta

import pytest

from gateway.p1.checksum import checksum
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS, DSMR_5
from tests.p1.test_peers import PEERS
from tests.simulator.peer_week import WEEK, Peer, listening, week

# A prime: over the week it meets every minute of the hour and every second of the minute.
STEP = timedelta(seconds=1237)


@pytest.mark.parametrize("name", PEERS)
def test_an_independent_reader_accepts_a_week_of_telegrams(name: str) -> None:
    sent, accepted = week(DIALECTS[name], STEP)
    assert sent == accepted == 489


@pytest.mark.parametrize("seed", [2, 3])
def test_it_accepts_other_homes_too(seed: int) -> None:
    sent, accepted = week(DSMR_5, 2 * STEP, seed)
    assert sent == accepted


@pytest.mark.parametrize(
    ("was", "becomes"),
    [(rb"\n1-0:1\.7\.0\(..\.", b"\n1-0:1.7.0(? ."), (rb"\*V\)", b"*?)"), (rb"\)\r\n!", b"\r\n!")],
)
def test_a_line_that_no_reader_understands_is_not_accepted(was: bytes, becomes: bytes) -> None:
    sent = SimulatedMeter(Household(1), WEEK, DSMR_5).bytes_at(WEEK)
    body = re.sub(was, becomes, sent[: sent.index(b"!") + 1])
    peer = Peer(DSMR_5)
    with listening(peer):
        assert peer.accepts(sent)
        assert not peer.accepts(body + sent[len(body) :])  # the checksum tells
        assert not peer.accepts(body + b"%04X\r\n" % checksum(body))
