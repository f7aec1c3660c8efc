"""Ports: the one P1 cable is found by itself; of several, the owner is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import MeterUnavailable, SeveralPorts
from gateway.meter import MeterLine
from gateway.meter.ports import Port, the_port, usb_ports

FTDI = "usb-FTDI_FT232R_USB_UART_A1B2C3-if00-port0"


class Dev:
    """A /dev of a test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def device(self, name: str, **links: str) -> None:
        """A port, and its links in folders of /dev/serial: by_id and by_path."""
        (self.folder / name).touch()
        for kind, link in links.items():
            folder = self.folder / "serial" / kind.replace("_", "-")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / link).symlink_to(self.folder / name)


@pytest.fixture
def dev(tmp_path: Path) -> Dev:
    return Dev(tmp_path)


def test_one_cable_is_found_under_its_steady_name(dev: Dev) -> None:
    dev.device("ttyUSB0", by_id=FTDI, by_path="platform-x-usb-0:1.2:1.0-port0")
    assert the_port(dev.folder) == Port(dev.folder / "serial/by-id" / FTDI, "FTDI FT232R USB UART A1B2C3")


def test_no_cable_is_told_with_what_to_do(dev: Dev) -> None:
    with pytest.raises(
        MeterUnavailable, match=r"^no USB serial port was found: plug the P1 cable in\w* this machine$"
    ):
        the_port(dev.folder)
    with pytest.raises(MeterUnavailable):
        the_port(dev.folder / "nothing")


def test_a_port_on_the_board_is_named_and_never_taken_unasked(dev: Dev) -> None:
    dev.device("ttyAMA0")
    dev.device("ttyS0")
    with pytest.raises(MeterUnavailable, match=f'write source = "{dev.folder}/ttyAMA0" under'):
        the_port(dev.folder)
    (dev.folder / "serial0").symlink_to(dev.folder / "ttyAMA0")
    with pytest.raises(MeterUnavailable, match=f'write source = "{dev.folder}/serial0" under'):
        the_port(dev.folder)
    dev.device("ttyUSB0", by_id=FTDI)
    assert the_port(dev.folder).path.name == FTDI


def test_several_cables_are_a_question_that_names_each_and_the_line_to_write(dev: Dev) -> None:
    dev.device("ttyUSB0", by_id=FTDI)
    dev.device("ttyACM0", by_id="usb-ITead_Sonoff_Zigbee_3.0-if00")
    with pytest.raises(SeveralPorts) as asked:
        the_port(dev.folder)
    said = str(asked.value)
    by_id = dev.folder / "serial/by-id"
    assert f"{by_id}/{FTDI} (FTDI FT232R USB UART A1B2C3)" in said
    assert "(ITead Sonoff Zigbee 3.0)" in said
    assert f'source = "{by_id}/{FTDI}"' in said
    assert asked.value.ports == [f"{by_id}/{FTDI}", f"{by_id}/usb-ITead_Sonoff_Zigbee_3.0-if00"]


def test_two_cables_of_one_name_are_told_apart_by_their_sockets(dev: Dev) -> None:
    dev.device("ttyUSB0", by_id="usb-1a86_USB_Serial-if00-port0", by_path="pci-usb-0:1:1.0-port0")
    dev.device("ttyUSB1", by_path="pci-usb-0:2:1.0-port0")
    assert [port.path.name for port in usb_ports(dev.folder)] == [
        "usb-1a86_USB_Serial-if00-port0",
        "pci-usb-0:2:1.0-port0",
    ]


def test_without_udev_a_bare_device_is_found(dev: Dev) -> None:
    dev.device("ttyUSB3")
    dev.device("ttyS0", by_path="pci-0000:00:16.3")
    assert the_port(dev.folder) == Port(dev.folder / "ttyUSB3")


def test_a_link_whose_cable_was_pulled_out_does_not_count(dev: Dev) -> None:
    dev.device("ttyUSB0", by_id=FTDI)
    dev.device("ttyUSB1", by_id="usb-other")
    (dev.folder / "ttyUSB1").unlink()
    assert the_port(dev.folder).path.name == FTDI


def test_a_line_looks_for_the_port_each_time_it_is_opened(dev: Dev) -> None:
    line = MeterLine(dev=dev.folder)
    with pytest.raises(MeterUnavailable, match="plug the P1 cable"):
        line.open()
    dev.device("ttyUSB0", by_id=FTDI)
    with pytest.raises(MeterUnavailable, match=f"{FTDI} is not a serial port"):
        line.open()
