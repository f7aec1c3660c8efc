"""Files in others' reach: a folder or a key that somebody else can read, change or exchange is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import Config, HistoryConfig
from gateway.daemon.daemon import Daemon
from gateway.errors import ConfigError, DeviceKeyUnusable, GatewayError
from gateway.folder.data_folder import open_folder, take_folder
from tests.ports import free_port
from tests.running import RunningGateway

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    history = HistoryConfig(data_dir=tmp_path / "data", device_key=tmp_path / "stick" / "device.key")
    made = replace(Config(), history=history)
    page, broker = replace(made.page, port=free_port()), replace(made.broker, port=free_port())
    made = replace(made, page=page, broker=broker, panel=replace(made.panel, enabled=False))
    folder = open_folder(made)
    folder.hidden("broker").save(b"the broker's passwords")
    folder.ledger.touch(mode=0o600)
    (tmp_path / "elsewhere").write_text("another file of this user")
    return made


def refusal(config: Config) -> str:
    """What is said by the daemon and by a command beside it; both change nothing."""
    said = []
    for attempt in (lambda: take_folder(config), lambda: open_folder(config), lambda: Daemon(config)):
        with pytest.raises(GatewayError) as refused:
            attempt()
        said.append(str(refused.value))
    assert len(set(said)) == 1
    return said[0]


@pytest.mark.parametrize("mode", [0o701, 0o702, 0o704, 0o710, 0o720, 0o740, 0o755, 0o750, 0o777])
def test_a_data_folder_that_others_can_reach_is_refused_with_the_command_that_mends_it(
    config: Config, mode: int
) -> None:
    folder = config.history.data_dir
    folder.chmod(mode)
    assert f"run chmod 700 {folder}" in refusal(config)
    folder.chmod(0o700)
    open_folder(config)


@as_root
def test_a_data_folder_of_another_user_is_refused(config: Config) -> None:
    folder = config.history.data_dir
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(ConfigError, match="belongs to another user"):
        Daemon(config)
    open_folder(config)  # a command that the administrator runs


@as_root
@pytest.mark.parametrize("name", ["history.db", "ledger.jsonl", "hidden", "hidden/broker"])
def test_a_file_of_another_user_in_it_is_refused(config: Config, name: str) -> None:
    (config.history.data_dir / name).touch(mode=0o600)
    os.chown(config.history.data_dir / name, NOBODY, NOBODY)
    with pytest.raises(ConfigError, match=f"{name} belongs to another user"):
        Daemon(config)


def link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def second_name(path: Path, target: Path) -> None:
    path.hardlink_to(target)


@pytest.mark.parametrize(
    "name",
    [
        "history.db", "history.db-wal", "history.db-shm", "ledger.jsonl", "gateway.secret", "lock",
        "setup-code", "control.sock", "hidden/ledger-newest", "hidden/checkpoint", "hidden/broker",
        "broker/anything",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("make", "said"), [(link, "is a link"), (second_name, "by a second name")])
def test_a_link_among_its_files_is_refused(
    config: Config, tmp_path: Path, name: str, make: Callable[[Path, Path], None], said: str
) -> None:
    path = config.history.data_dir / name
    path.parent.mkdir(exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    make(path, tmp_path / "elsewhere")
    told = refusal(config)
    assert str(path) in told
    assert said in told
    assert (tmp_path / "elsewhere").read_text() == "another file of this user"


@pytest.mark.parametrize("name", ["hidden", "broker"])
def test_a_folder_in_it_that_is_a_link_is_refused(config: Config, tmp_path: Path, name: str) -> None:
    path = config.history.data_dir / name
    if path.exists():
        path.rename(tmp_path / "moved")
    else:
        (tmp_path / "moved").mkdir()
    path.symlink_to(tmp_path / "moved")
    assert f"{path} is a link" in refusal(config)


def test_a_data_folder_that_is_a_link_is_refused_with_the_path_to_write_down(
    config: Config, tmp_path: Path
) -> None:
    folder = config.history.data_dir
    folder.rename(tmp_path / "real")
    folder.symlink_to(tmp_path / "real")
    assert f"write the path that it leads to, {tmp_path / 'real'}, into the configuration" in refusal(config)
    folder.unlink()
    folder.write_text("")
    assert "is no folder" in refusal(config)


def test_a_link_above_the_data_folder_is_followed(config: Config, tmp_path: Path) -> None:
    above = tmp_path / "above"
    above.symlink_to(tmp_path)
    open_folder(replace(config, history=replace(config.history, data_dir=above / "data")))


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660, 0o666, 0o755])
def test_a_device_key_that_others_can_read_is_refused_with_the_command_that_mends_it(
    config: Config, mode: int
) -> None:
    key = config.history.device_key
    key.chmod(mode)
    with pytest.raises(DeviceKeyUnusable, match=f"run chmod 600 {key}") as refused:
        open_folder(config)
    assert "umask=077" in str(refused.value)
    for good in (0o600, 0o400, 0o700):  # as a stick with FAT shows it when it is mounted as we say
        key.chmod(good)
        open_folder(config)


@pytest.mark.parametrize(("mode", "well"), [(0o400, True), (0o440, True), (0o444, False)])
def test_a_credential_is_taken_as_systemd_makes_it(
    config: Config, monkeypatch: pytest.MonkeyPatch, mode: int, well: bool
) -> None:
    key = config.history.device_key
    key.chmod(mode)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(key.parent))  # the interface is this variable
    given = replace(config, history=replace(config.history, device_key=Path("credential:device.key")))
    if well:
        open_folder(given)
    else:
        with pytest.raises(DeviceKeyUnusable, match="everybody on this machine"):
            open_folder(given)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_it_makes_itself_it_takes_under_any_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        gateway = RunningGateway(tmp_path, "tcp://127.0.0.1:9")
        gateway.start()
        assert gateway.stop() == 0
        gateway.start()
        gateway.close()
    finally:
        os.umask(before)
