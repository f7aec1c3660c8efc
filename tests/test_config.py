"""The configuration: every setting documented, every mistake one plain sentence."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from gateway.config import Config, load, parse
from gateway.errors import ConfigError

DOCUMENTED = Path(__file__).parents[1] / "config" / "gateway.toml"


def settings_of(config: Config) -> dict[str, Any]:
    return {
        f"{section.name}.{setting.name}": getattr(getattr(config, section.name), setting.name)
        for section in fields(config)
        for setting in fields(getattr(config, section.name))
    }


def test_an_empty_file_gives_the_defaults() -> None:
    assert parse("") == Config()


def test_the_documented_file_says_the_defaults() -> None:
    assert settings_of(load(DOCUMENTED)) == settings_of(Config())


def test_every_setting_stands_in_the_documented_file_in_its_section() -> None:
    found = set()
    section = ""
    for line in DOCUMENTED.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[] ")
        elif " = " in line and not line.startswith("#"):
            found.add(f"{section}.{line.split(' = ')[0].strip()}")
    assert found == settings_of(Config()).keys()


def test_settings_are_taken_and_the_others_keep_their_defaults(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        f'[meter]\nsource = "tcp://p1:2001"\n[history]\ndata_dir = "{tmp_path}"\n'
        '[page]\ntrusted_hosts = ["meterkast.local"]\nhttps = true\n'
    )
    changed = {name: value for name, value in settings_of(load(file)).items() if value != DEFAULTS[name]}
    assert changed == {
        "meter.source": "tcp://p1:2001",
        "history.data_dir": tmp_path,
        "page.trusted_hosts": ("meterkast.local",),
        "page.https": True,
    }


DEFAULTS = settings_of(Config())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[brokr]\nport = 1", "there is no section called brokr (did you mean broker?)"),
        ("[broker]\nprot = 1", "there is no setting in [broker] called prot (did you mean port?)"),
        ("[broker]\nxyzzy = 1", "there is no setting in [broker] called xyzzy"),
        ("source = 1", "there is no section called source"),
        ("meter = 1", "[meter] must be a section of settings"),
        ("[broker]\nport = '1883'", "broker.port must be a whole number"),
        ("[broker]\nport = true", "broker.port must be a whole number"),
        ("[broker]\nport = 1883.0", "broker.port must be a whole number"),
        ("[broker]\nport = 0", "broker.port must be from 1 to 65535"),
        ("[broker]\nport = 65536", "broker.port must be from 1 to 65535"),
        ("[page]\nlanguage = 'xx'", "page.language must be one of: "),
        ("[meter]\nsource = 5", "meter.source must be a text"),
        ("[meter]\nserial = '300 7E1'", "meter.serial must be one of: auto, 115200 8N1, 9600 7E1"),
        ("[meter]\nsource = ''", 'meter.source is empty: write "auto"'),
        ("[meter]\nwinter_time_only = 1", "meter.winter_time_only must be true or false"),
        ("[history]\ndata_dir = 5", "history.data_dir must be a path"),
        ("[history]\ndata_dir = ''", "history.data_dir must be a path"),
        ("[history]\ndata_dir = '~nobody-of-this-name/x'", "history.data_dir must be a path"),
        ("[history]\nflush_interval_s = 5", "history.flush_interval_s must be from 10 to 120"),
        ("[history]\nflush_interval_s = 121", "history.flush_interval_s must be from 10 to 120"),
        ("[history]\ntimezone = 'Mars/Base'", "history.timezone: there is no time zone 'Mars/Base'"),
        ("[history]\ntimezone = ''", "history.timezone: there is no time zone ''"),
        ("[history]\ntimezone = 'Europe'", "history.timezone: there is no time zone 'Europe'"),
        ("[history]\ntimezone = '../../etc/passwd'", "history.timezone: there is no time zone"),
        ("[page]\nhttps = 1", "page.https must be true or false"),
        ("[page]\nlanguage = 'fr'", "page.language must be one of: nl, en"),
        ("[page]\ntrusted_hosts = 'localhost'", "page.trusted_hosts must be a list of texts"),
        ("[page]\ntrusted_hosts = [1]", "page.trusted_hosts must be a list of texts"),
        ("[panel]\nled_pin = 28", "panel.led_pin must be from 0 to 27"),
        ("[panel]\nbutton_pin = -1", "panel.button_pin must be from 0 to 27"),
        ("[log]\nlevel = 'loud'", "log.level must be one of: debug, info, warning, error"),
        ("[meter", "this is not valid TOML"),
        ("[meter]\n[meter]", "this is not valid TOML"),
    ],
)
def test_a_mistake_is_refused_with_a_sentence_that_names_it(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(file)
    said = str(refused.value)
    assert said.startswith(f"the configuration {file}: {sentence}")
    assert "\n" not in said


def test_a_file_that_cannot_be_read_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"[meter]\nsource = '\xff'")
    with pytest.raises(ConfigError, match="is not a text file"):
        load(tmp_path / "bytes.toml")


def test_a_home_folder_may_be_written_with_its_sign() -> None:
    assert parse('[history]\ndata_dir = "~/p1"').history.data_dir == Path("~/p1").expanduser()


@pytest.mark.parametrize("section", get_type_hints(Config))
def test_a_section_may_be_empty(section: str) -> None:
    assert parse(f"[{section}]") == Config()
