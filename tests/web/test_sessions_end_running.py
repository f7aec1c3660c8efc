"""Sessions of the real page end with the real commands over the control socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_key import NEW, secret_file
from tests.made_up import NUMBER
from tests.running import PASSWORD, FedMeter, RunningGateway
from tests.web.wire import WireBrowser


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RunningGateway]:
    meter = FedMeter()
    gateway = RunningGateway(tmp_path, meter.address, broker=False)
    yield gateway
    gateway.close()
    meter.close()


@pytest.mark.parametrize("act", ["change-password", "recover", "renew"])
def test_a_command_ends_the_sessions_of_the_page(gateway: RunningGateway, tmp_path: Path, act: str) -> None:
    code = gateway.history.claim(PASSWORD)
    gateway.start()
    owner = WireBrowser(gateway.page_port)
    assert owner.sign_in(PASSWORD, NUMBER).status == 303
    copied = WireBrowser(gateway.page_port, "127.0.0.9")
    copied.cookies = dict(owner.cookies)
    assert copied.get("/history/day").status == 200
    password, new = secret_file(tmp_path, PASSWORD), secret_file(tmp_path, NEW)
    options = {
        "change-password": ["--password-file", password, "--new-password-file", new],
        "recover": ["--code-file", secret_file(tmp_path, code), "--new-password-file", new],
        "renew": ["--password-file", password],
    }
    done = gateway.command("key", act, *options[act], stdin=NUMBER + "\n")
    assert done.returncode == 0, done.stderr
    for browser in (owner, copied):
        assert browser.get("/now.json").status == 401
        for path in ("/history/day", "/sharing/", "/sharing/new"):
            assert browser.get(path).location == "/sign-in"
    again = WireBrowser(gateway.page_port)
    assert again.sign_in(PASSWORD if act == "renew" else NEW, NUMBER).status == 303
    assert again.get("/history/day").status == 200
