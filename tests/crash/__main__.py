# ruff: noqa: T201 - printing is what it is for
"""Power cuts: tests/crash/run starts this.

A recorder, a renewal and the retention run under strace. Then the files are rebuilt as a cut at many
points could have left them, and opened. Exit status 1 when one did not open, or lost what was
acknowledged.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from tests.crash.cuts import cut_everywhere, recorded
from tests.crash.workload import FLUSH


@click.command()
@click.option("--cuts", default=1000, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(cuts: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        steps = recorded(Path(folder))
        with click.progressbar(length=cuts, label="Cutting", file=sys.stderr) as bar:
            outcomes = cut_everywhere(steps, cuts, Path(folder), seed, lambda _: bar.update(1))
    print(
        f"{'stage':<20}{'writes':>8}{'syncs':>7}{'cuts':>7}{'corrupt':>9}{'rows lost':>11}{'trace lost':>12}"
    )
    for stage, found in outcomes.items():
        if found.cuts:
            print(f"{stage:<20}{found.writes:>8}{found.syncs:>7}{found.cuts:>7}{len(found.corrupt):>9}"
                  f"{found.lost_rows:>11}{found.lost_trace_s:>10} s")  # fmt: skip
    for sentence in [sentence for found in outcomes.values() for sentence in found.corrupt][:20]:
        print(sentence, file=sys.stderr)
    most = max(found.lost_trace_s for found in outcomes.values())
    bad = any(found.corrupt or found.lost_rows for found in outcomes.values())
    sys.exit(1 if bad or most > FLUSH.total_seconds() else 0)


if __name__ == "__main__":
    main()
