"""Power cuts, a few: `tests/crash/run` makes a thousand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.crash.cuts import cut_everywhere, recorded
from tests.crash.disk import Disk
from tests.crash.recording import Create, Rename, Step, Sync, Write
from tests.crash.workload import FLUSH, STAGES


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_after_a_power_cut_anywhere_it_opens_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    try:
        steps = recorded(tmp_path)
    except subprocess.CalledProcessError as failed:
        if b"ptrace" in failed.stderr:
            pytest.skip("no program may be traced here")
        raise
    outcomes = cut_everywhere(steps, 10 * len(STAGES), tmp_path)
    assert [sentence for found in outcomes.values() for sentence in found.corrupt] == []
    assert sum(found.lost_rows for found in outcomes.values()) == 0
    assert max(found.lost_trace_s for found in outcomes.values()) <= FLUSH.total_seconds()
    assert sum(found.cuts for found in outcomes.values()) == 10 * len(STAGES)


class Least:
    """Chance that lets everything be lost that may be."""

    def choice(self, choices: tuple[str, ...]) -> str:
        return choices[0]


def test_the_disk_keeps_what_was_synced_and_may_lose_what_was_not(tmp_path: Path) -> None:
    disk = Disk()
    kept: list[Step] = [Create("a", 1), Sync(None, "."), Write(1, 0, b"kept"), Sync(1)]
    lost: list[Step] = [
        Write(1, 4, b"lost"),
        Create("b", 2),
        Write(2, 0, b"whole"),
        Sync(2),
        Rename("b", "a"),
    ]
    for step in kept + lost:
        disk.take(step)
    disk.cut(Least(), tmp_path)  # type: ignore[arg-type]
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a", b"kept")]
    disk.take(Sync(None, "."))
    disk.cut(Least(), tmp_path)  # type: ignore[arg-type]
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a", b"whole")]
