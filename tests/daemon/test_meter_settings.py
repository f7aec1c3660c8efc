"""What the configuration says about the meter, in a gateway that really runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.operations import Gateway
from gateway.p1.cipher import MeterKey, encrypt
from gateway.p1.telegram import Telegram, serialize
from tests.pty_meter import PtyMeter, nonsense
from tests.running import FedMeter, RunningGateway, until

NUMBERLESS = serialize(
    Telegram(
        "XYZ5\\TEST",
        (
            ("0-0:1.0.0", "(261103120000W)"),
            ("1-0:1.8.0", "(00001.500*kWh)"),
            ("1-0:3.8.0", "(00000.100*kvarh)"),
            ("1-0:4.8.0", "(00000.000*kvarh)"),
        ),
    )
)
KEY = "0F" * 16
# As long as one usually is: at the wrong speed a few bytes settle nothing.
LONG = Telegram("XYZ5\\TEST", (("0-0:96.1.1", "(4142)"), ("0-0:96.13.0", f"({'30' * 400})")))


@contextmanager
def running(folder: Path, source: str, settings: str = "") -> Iterator[RunningGateway]:
    gateway = RunningGateway(folder, source, broker=False)
    written = gateway.config_path.read_text()
    gateway.config_path.write_text(written.replace("[meter]\n", f"[meter]\n{settings}\n"))
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.close()


def received(gateway: RunningGateway, meter: FedMeter, sent: bytes) -> str | None:
    """Send; the fault that the gateway tells after it arrived."""
    before = gateway.status()["telegrams"]
    meter.send(sent)
    until(lambda: gateway.status()["telegrams"] > before)
    fault: str | None = gateway.status()["fault"]
    return fault


def test_a_meter_without_a_number_is_told_and_one_in_the_configuration_mends_it(tmp_path: Path) -> None:
    meter = FedMeter()
    try:
        with running(tmp_path, meter.address) as gateway:
            fault = received(gateway, meter, NUMBERLESS)
            assert fault is not None
            assert "as number under [meter]" in fault
            assert "as number under [meter]" in gateway.log()
        meter.hang_up()
        with running(tmp_path, meter.address, 'number = "E 123"') as gateway:
            assert received(gateway, meter, NUMBERLESS) is None
            assert gateway.ask(Gateway.meter_number) == "E 123"
            assert gateway.status()["country"] == "SE"
    finally:
        meter.close()


def test_an_encrypted_meter_is_read_with_the_key_of_the_key_file(tmp_path: Path) -> None:
    meter = FedMeter()
    key_file = tmp_path / "meter.key"
    key_file.touch(mode=0o600)
    key_file.write_text(KEY)
    try:
        with running(tmp_path, meter.address, f'key_file = "{key_file}"') as gateway:
            sealed = encrypt(serialize(LONG), MeterKey.parse(KEY), b"XYZ\0\0\0\0\1", 1)
            assert received(gateway, meter, bytes(sealed)) is None
            assert KEY not in gateway.log()
    finally:
        meter.close()


def test_a_gateway_finds_the_speed_of_an_old_meter_by_itself_and_keeps_it_through_noise(
    tmp_path: Path,
) -> None:
    bursts: list[bytes] = []
    with (
        PtyMeter(tmp_path / "port", lambda _: bursts.pop() if bursts else serialize(LONG), "9600 7E1"),
        running(tmp_path, str(tmp_path / "port")) as gateway,
    ):
        until(lambda: gateway.status()["telegrams"] > 3)
        assert "9600 7E1 is tried" in gateway.log()
        bursts.append(nonsense(1200))
        until(lambda: not bursts)
        before = gateway.status()["telegrams"]
        until(lambda: gateway.status()["telegrams"] > before + 3)
        assert "115200 8N1 is tried" not in gateway.log()
