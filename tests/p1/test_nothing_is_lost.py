"""Every line of a telegram is found again in what comes out, whatever a meter sends.

A line gives a value, or stands in `unknown` as it came, or is named in `unreadable`. Lines with nothing in
their brackets, texts of blanks, and thresholds of all nines say that there is nothing to say.
"""

from collections import Counter
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import MalformedTelegram
from gateway.p1 import (
    Decoder,
    Frame,
    Reading,
    decode,
    telegram,
)
from gateway.p1.obis import BY_CODE, Form, find
from gateway.p1.reading import as_json
from gateway.p1.telegram import Line

NOW = datetime(2026, 10, 25, 12, tzinfo=UTC)
LEFT_OUT = "a line without a code"

digits = st.from_regex(r"[0-9]{1,6}([.,][0-9]{1,3})?|[0-9]{12,16}|-[0-9]{2}", fullmatch=True)
units = st.sampled_from(
    ["", "*kWh", "*W", "*mA", "*V", "* kvar", "*m3", "*m\xb3", "*dm3", "*GJ", "*MWh", "*s", "*odd"]
)
numbers = st.builds("{}{}".format, digits, units)
times = st.sampled_from(
    ["261024120000S", "261024120000", "090212160000", "000101000000W", "700101000000W", "632525252525W",
     "281024120000S", "26-10-24 12:00:00"]
)  # fmt: skip
texts = st.sampled_from(["", "4B38", "2020", "5431", "0002", "K8", "ON", "999*A", "9999.9*kW", "0-0:96.7.19"])
values = st.lists(st.one_of(numbers, times, texts, numbers, times), min_size=1, max_size=4)
codes = st.one_of(
    st.sampled_from(sorted(BY_CODE)),
    st.sampled_from(sorted(code for code, (row, channel) in BY_CODE.items() if channel in (1, 7))),
    st.sampled_from(["1-0:77.7.0", "1-0:1.8.5", "9-9:9.9.9"]),
)
lines = st.builds(
    lambda code, sixth, said: f"{code}{sixth}" + "".join(f"({one})" for one in said),
    codes, st.sampled_from(["", "", "*255", ".255"]), values,
)  # fmt: skip
device_types = st.sampled_from(
    [f"0-1:24.1.0({kind:03d})" for kind in (2, 3, 4, 6, 7, 11, 12, 13, 21, 22, 99)]
)
broken = st.sampled_from(["1-0:1.7.0(00.1", "1-0:9.9.9", "rubbish", "0-1:24.2.1(261024"])
telegrams = st.lists(st.one_of(lines, lines, lines, device_types, broken), min_size=1, max_size=12)


def sent(written: list[str]) -> Frame:
    return Frame(("/XYZ5\\TEST\r\n\r\n" + "".join(f"{line}\r\n" for line in written) + "!").encode("latin-1"))


def unaccounted(lines: tuple[Line, ...], reading: Reading) -> list[Line]:
    """The lines that are nowhere in a reading."""
    unknown, unreadable = Counter(reading.unknown), Counter(reading.unreadable)
    given: Counter[tuple[str, int]] = Counter()  # values by quantity and channel, each to be found once
    for device in reading.mbus:
        given["device_register", device.channel] += 1 + len(device.history)
        for name in ("device_type", "device_number", "valve_state", "device_ean"):
            given[name, device.channel] = 1
    own = {*reading.quantities, *reading.texts, *(name for name in _LISTS if getattr(reading, name, None))}
    own |= {"time"} | ({"meter_number"} if reading.meter_number else set())
    own |= {"version"} if reading.version else set()
    given.update({(name, 0): 1 for name in own})
    lost = []
    for line in lines:
        code, written = line
        row, channel = find(code)
        if not written.strip("()"):
            continue
        if unknown[line]:
            unknown[line] -= 1
        elif unreadable[code]:
            unreadable[code] -= 1
        elif row is None or not _says_nothing(row.form, written):
            key = (row.quantity if row else "", channel)
            names = {key[0], *_OTHER_NAMES.get(key[0], ())}
            found = next((name for name in names if given[name, channel] > 0), None)
            if found is None:
                lost.append(line)
            else:
                given[found, channel] -= 1
    return lost


_LISTS = ("demand_history", "failures", "month_end")
_OTHER_NAMES = {"demand_history": ("month_end",), "limiter_w": ("limiter_ma", "limiter_va")}


def _says_nothing(form: Form, written: str) -> bool:
    said = [one for one in written.strip("()").split(")(") if one.strip()]
    if form in (Form.TEXT, Form.PLAIN):
        return all(not one.strip("0 ") or set(one) <= {"2", "0"} for one in said)
    return not said or (form is Form.THRESHOLD and any("999" in one for one in said))


@settings(max_examples=600, deadline=None)
@given(telegrams)
def test_every_line_of_a_telegram_is_found_again(written: list[str]) -> None:
    frame = sent(written)
    try:
        parsed = telegram.parse(frame)
    except MalformedTelegram:
        return  # said so
    reading = decode(frame, NOW)
    assert unaccounted(parsed.lines, reading) == []
    for line in parsed.broken:
        assert (telegram.code_in(line) or LEFT_OUT) in reading.unreadable
    assert len(as_json(reading)["unknown"]) == len(reading.unknown)
    assert Decoder().decode(frame, NOW) == reading
