"""What the daemon holds opens nothing: the way from it to the history leads through the owner only."""

from __future__ import annotations

import gc
import types
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from stat import S_IMODE

import pytest
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from gateway.errors import (
    DeviceKeyUnusable,
    HistoryError,
    SealBroken,
    StateUnusable,
)
from gateway.history import (
    DeviceKey,
    GatewayKeys,
    GatewaySecret,
    HiddenFile,
    Recorder,
    SealedHistory,
)
from gateway.history.keys.keyring import HouseholdKey
from gateway.history.keys.seal import DataKey
from gateway.history.recording.memory import unpacked
from gateway.history.recording.writer import Batch, SealedWriter
from gateway.history.storage import states
from tests.history.recording import MINUTE, look, steady
from tests.history.sealed import sealed
from tests.made_up import NOON


def held_by(root: object) -> list[object]:
    """Everything that is reached from an object, but for code."""
    code = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.FrameType)
    seen: dict[int, object] = {}
    ahead = [root]
    while ahead:
        found = ahead.pop()
        if id(found) not in seen and not isinstance(found, code):
            seen[id(found)] = found
            ahead += gc.get_referents(found)
    return list(seen.values())


def two_days(history: SealedHistory, writer: SealedWriter) -> Recorder:
    batches: list[Batch] = []
    recorder = history.recorder(batches.append, MINUTE)
    for reading in steady(NOON, NOON + timedelta(days=1), timedelta(minutes=30)):
        recorder.record(reading)
    writer.write(*batches)
    return recorder


def test_neither_writer_nor_recorder_holds_a_private_key(history: SealedHistory) -> None:
    with closing(history.open_writer()) as writer:
        recorder = two_days(history, writer)
        held = [*held_by(writer), *held_by(recorder), *held_by(history)]
        assert any(isinstance(found, DataKey) for found in held)  # it is looked for in the right place
        assert not any(isinstance(found, (HouseholdKey, MLKEM768X25519PrivateKey)) for found in held)


def test_the_data_key_of_a_day_that_has_ended_is_forgotten(history: SealedHistory, path: Path) -> None:
    with closing(history.open_writer()) as writer:
        two_days(history, writer)
        keys = [found for found in held_by(writer) if isinstance(found, DataKey)]
        assert len(keys) == 1
        of_yesterday = look(
            path, "SELECT ends_at, sequence, sealed FROM profile_row WHERE data_key_id = 1 AND period = 1"
        )
        assert len(of_yesterday) == 20
        for row in of_yesterday:
            with pytest.raises(SealBroken):
                keys[0].unseal("quarter", *row)


def test_no_raw_data_key_stays_in_the_writers_memory(history: SealedHistory) -> None:
    made: list[bytes] = []
    with closing(history.open_writer()) as writer:
        two_days(history, writer)
        made += [found for found in held_by(writer) if isinstance(found, bytes) and len(found) == 32]
        key = next(found for found in held_by(writer) if isinstance(found, DataKey))
        sequence, sealed = key.seal("quarter", 0, b"plain")
        for raw in made:
            with pytest.raises(SealBroken):
                DataKey(raw, key.meter_tag).unseal("quarter", 0, sequence, sealed)


def test_the_recorders_memory_opens_with_the_device_key_only_and_holds_no_more_than_today(
    history: SealedHistory, path: Path, keys: GatewayKeys
) -> None:
    with closing(history.open_writer()) as writer:
        two_days(history, writer)
    hidden = look(path, "SELECT hidden FROM daemon_state WHERE name = ?", states.RECORDER)[0][0]
    for wrong in (GatewaySecret(bytes(32)), keys.device_key):
        with pytest.raises(StateUnusable):
            wrong.reveal(states.RECORDER, hidden)
    memory = unpacked(keys.secret.reveal(states.RECORDER, hidden))
    (profile,) = memory["profiles"].values()
    assert set(memory) == {"profiles", "meters", "plausibility", "block_sizes"}
    assert set(profile) == {"commodity", "last", "next", "began", "statistics", "broken", "month peak"}
    assert {period: began[0] for period, began in profile["began"].items() if period != "month"} == {
        "quarter": (NOON + timedelta(days=1)).timestamp(),
        "hour": (NOON + timedelta(days=1)).timestamp(),
        "day": NOON.replace(hour=22).timestamp(),
    }


def test_a_recorder_of_another_gateway_does_not_start_on_this_memory(
    history: SealedHistory, path: Path
) -> None:
    with closing(history.open_writer()) as writer:
        two_days(history, writer)
    with pytest.raises(DeviceKeyUnusable, match="not the one that belongs to this data folder"):
        sealed(path, DeviceKey(bytes(32)))
    (path.parent / "gateway.secret").write_bytes(GatewaySecret.new().hidden_under(DeviceKey(bytes(32))))
    elsewhere = sealed(path, DeviceKey(bytes(32)))
    with pytest.raises(StateUnusable):
        elsewhere.recorder(lambda _: None, MINUTE)


def test_a_hidden_file_gives_back_what_was_saved_last(tmp_path: Path, device_key: DeviceKey) -> None:
    file = HiddenFile(tmp_path / "hidden" / "state", device_key)
    assert file.load() is None
    file.save(b"first")
    file.save(b"second")
    assert file.load() == b"second"
    assert [found.name for found in (tmp_path / "hidden").iterdir()] == ["state"]
    file.forget()
    file.forget()
    assert file.load() is None


def test_a_hidden_file_is_for_this_user_and_this_device_key(tmp_path: Path, device_key: DeviceKey) -> None:
    path = tmp_path / "hidden" / "state"
    HiddenFile(path, device_key).save(b"what nobody may see")
    assert S_IMODE(path.stat().st_mode) == 0o600
    assert S_IMODE(path.parent.stat().st_mode) == 0o700
    assert b"nobody" not in path.read_bytes()
    with pytest.raises(StateUnusable):
        HiddenFile(path, DeviceKey(bytes(32))).load()
    path.rename(path.with_name("other"))
    with pytest.raises(StateUnusable):
        HiddenFile(path.with_name("other"), device_key).load()


def test_a_hidden_file_survives_a_power_cut_in_the_middle_of_saving(
    tmp_path: Path, device_key: DeviceKey
) -> None:
    file = HiddenFile(tmp_path / "state", device_key)
    file.save(b"old")
    (tmp_path / "state.new").write_bytes(b"hal")
    assert file.load() == b"old"
    file.save(b"new")
    assert file.load() == b"new"


def test_a_hidden_file_that_cannot_be_written_or_read_says_so(tmp_path: Path, device_key: DeviceKey) -> None:
    (tmp_path / "state.new").mkdir()
    with pytest.raises(HistoryError, match="cannot be written: Is a directory"):
        HiddenFile(tmp_path / "state", device_key).save(b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(HistoryError, match="cannot be read: Is a directory"):
        HiddenFile(tmp_path / "folder", device_key).load()
