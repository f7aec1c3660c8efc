"""How the columns of a trace become few bytes, and come back exactly. Pure.

What a reading says several times is kept once: import and export of which one is zero become one net
power, a total is foretold from its phases, a current from power, voltage and the reactive power so far. Of
what is left only the difference to a forecast is kept, either from the value before or from the level since
the last jump, whichever gives the smaller numbers.

LZMA without headers then takes about a tenth more than the entropy of these differences: 3.5 bytes for a
noisy second of three phases, where zlib takes 4.1 and bz2 4.0.
"""

from __future__ import annotations

import lzma
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from gateway.history.records.varint import varint, varints
from gateway.quantities import QUANTITIES, names

PHASES = ("l1", "l2", "l3")
COLUMNS: tuple[str, ...] = names(
    sorted((row for row in QUANTITIES if row.column is not None), key=lambda row: row.column or 0)
)
"""In the order of the format on disk."""

Column = Sequence[int | None]
_Numbers = list[int]
_Streams = dict[str, _Numbers]

_DIRECTIONS = {of: (f"power_import{of}_w", f"power_export{of}_w") for of in ("", "_l1", "_l2", "_l3")}
# Nothing in them is worth a match over more than a quarter hour, and bytes have no position of their own.
_FILTERS: list[dict[str, Any]] = [
    {"id": lzma.FILTER_LZMA1, "lc": 0, "lp": 0, "pb": 0, "dict_size": 1 << 16, "nice_len": 64}
]
# A forecast from the level forgets what is older than so many values.
_LONGEST_LEVEL = 8


def compressed(columns: Sequence[Column]) -> bytes:
    """The columns, as COLUMNS has them, all of one length; one that is absent throughout takes no room."""
    present = {name: column for name, column in zip(COLUMNS, columns, strict=True) if _is_present(column)}
    head, streams = _folded(present)
    out = [head]
    known: _Streams = {}
    out += [_coded(name, column, known) for name, column in streams.items()]
    return lzma.compress(b"".join(out), lzma.FORMAT_RAW, filters=_FILTERS)


def decompressed(body: bytes, count: int) -> list[Column]:
    """The inverse of `compressed`; `count` is how many values a column has."""
    numbers = varints(lzma.decompress(body, lzma.FORMAT_RAW, filters=_FILTERS))
    present, folded = next(numbers), next(numbers)
    names = [name for bit, name in enumerate(COLUMNS) if present >> bit & 1]
    known: _Streams = {}
    columns: dict[str, Column] = {}
    for name in _stream_names(names, folded):
        columns[name] = _decoded(name, numbers, count, known)
    for bit, (of, pair) in enumerate(_DIRECTIONS.items()):
        if folded >> bit & 1:
            net = known[_net(of)]
            columns[pair[0]] = [max(value, 0) for value in net]
            columns[pair[1]] = [max(-value, 0) for value in net]
    return [columns.get(name, [None] * count) for name in COLUMNS]


def _is_present(column: Column) -> bool:
    return any(value is not None for value in column)


# --- what is said twice ----------------------------------------------------------------------------


def _folded(present: dict[str, Column]) -> tuple[bytes, dict[str, Column]]:
    """Which columns there are, and the streams that they become, in the order in which they are kept."""
    folded = 0
    nets: dict[str, Column] = {}
    for bit, (of, (way_in, way_out)) in enumerate(_DIRECTIONS.items()):
        net = _net_of(present.get(way_in), present.get(way_out))
        if net is not None:
            folded |= 1 << bit
            nets[_net(of)] = net
    head = varint(sum(1 << COLUMNS.index(name) for name in present)) + varint(folded)
    return head, {name: nets[name] if name in nets else present[name]
                  for name in _stream_names(list(present), folded)}  # fmt: skip


def _net_of(imported: Column | None, exported: Column | None) -> Column | None:
    """Import less export, if both come back from it."""
    if imported is None or exported is None:
        return None
    net = []
    for way_in, way_out in zip(imported, exported, strict=True):
        if way_in is None or way_out is None or way_in < 0 or way_out < 0 or (way_in and way_out):
            return None
        net.append(way_in - way_out)
    return net


def _stream_names(present: Sequence[str], folded: int) -> list[str]:
    """Phases before what is foretold from them: voltages, powers, currents, and the totals last."""
    names = [name for name in present if name.startswith("voltage")]
    totals: list[str] = []
    for bit, (of, pair) in enumerate(_DIRECTIONS.items()):
        found = [_net(of)] if folded >> bit & 1 else [name for name in pair if name in present]
        if of:
            names += found
        else:
            totals = found
    return names + [name for name in present if name.startswith("current")] + totals


def _net(of: str) -> str:
    return f"power_net{of}_w"


# --- one stream ------------------------------------------------------------------------------------


def _coded(name: str, column: Column, known: _Streams) -> bytes:
    """A stream: how it was made, its unit and absences, then the differences to its forecasts."""
    values = [value for value in column if value is not None]
    absent = [index for index, value in enumerate(column) if value is None]
    unit = math.gcd(*values) or 1
    if not absent:
        known[name] = values
    scaled = [value // unit for value in values]
    best, cost = 0, _cost(_WAYS[0](scaled))
    teller = None if absent else _teller(name, unit, known)
    beside = scaled if teller is None else _without_told(scaled, teller)
    for way in range(1, len(_WAYS) * (1 if teller is None else 2)):
        if not cost:
            break
        found = _cost(_WAYS[way % len(_WAYS)](scaled if way < len(_WAYS) else beside))
        if found < cost:
            best, cost = way, found
    differences = _WAYS[best % len(_WAYS)](scaled if best < len(_WAYS) else beside)
    out = bytearray(varint(best) + varint(unit) + varint(len(absent)) + b"".join(map(varint, absent)))
    for difference in differences:
        zigzag = difference * 2 if difference >= 0 else -difference * 2 - 1
        out += _ONE_BYTE[zigzag] if zigzag < len(_ONE_BYTE) else varint(zigzag)
    return bytes(out)


_ONE_BYTE = tuple(bytes([number]) for number in range(0x80))


def _decoded(name: str, numbers: Iterator[int], count: int, known: _Streams) -> Column:
    """The inverse of `_coded`."""
    way, unit = next(numbers), next(numbers)
    absent = {next(numbers) for _ in range(next(numbers))}
    differences = []
    for _ in range(count - len(absent)):
        zigzag = next(numbers)
        differences.append(zigzag >> 1 if zigzag & 1 == 0 else -(zigzag + 1 >> 1))
    scaled = _BACK[way % len(_BACK)](differences)
    if way >= len(_BACK):
        scaled = _with_told(scaled, _teller(name, unit, known) or _Sums([0] * count))
    values = [value * unit for value in scaled]
    if not absent:
        known[name] = values
        return values
    rest = iter(values)
    return [None if index in absent else next(rest) for index in range(count)]


def _cost(differences: _Numbers) -> int:
    """About how many bits they take."""
    return sum(map(int.bit_length, differences))


# --- what other streams tell ------------------------------------------------------------------------


class _Teller(Protocol):
    """Tells each value of a stream before it is known, from other streams and from the values before it."""

    def told(self, index: int) -> int: ...
    def take(self, index: int, value: int) -> None: ...


def _teller(name: str, unit: int, known: _Streams) -> _Teller | None:
    """Who tells of a stream, in its own unit; None where the streams before it do not."""
    if name.startswith("current"):
        of = name.removeprefix("current").removesuffix("_ma")
        power = known.get(_net(of)) or known.get(f"power_import{of}_w")
        voltage = known.get(f"voltage{of}_mv")
        return None if power is None or voltage is None else _Current(power, voltage, unit)
    if name == _net(""):
        phases = [known[_net(of)] for of in _DIRECTIONS if of and _net(of) in known]
        return _Sums([sum(powers) // unit for powers in zip(*phases, strict=True)]) if phases else None
    return None


def _without_told(values: _Numbers, teller: _Teller) -> _Numbers:
    rest = []
    for index, value in enumerate(values):
        rest.append(value - teller.told(index))
        teller.take(index, value)
    return rest


def _with_told(rest: _Numbers, teller: _Teller) -> _Numbers:
    values = []
    for index, difference in enumerate(rest):
        value = teller.told(index) + difference
        values.append(value)
        teller.take(index, value)
    return values


class _Sums:
    """A total is the sum of its phases."""

    def __init__(self, sums: _Numbers) -> None:
        self._sums = sums

    def told(self, index: int) -> int:
        return self._sums[index]

    def take(self, index: int, value: int) -> None:
        """Each sum stands for itself."""


class _Current:
    """A current is apparent power by voltage; the reactive part of that power changes slowly."""

    def __init__(self, power_w: _Numbers, voltage_mv: _Numbers, unit_ma: int) -> None:
        self._power_w, self._voltage_mv, self._unit_ma = power_w, voltage_mv, unit_ma
        self._reactive = 0  # in var, squared

    def told(self, index: int) -> int:
        voltage = self._voltage_mv[index]
        if voltage <= 0:
            return 0
        apparent_mva = math.isqrt((self._power_w[index] ** 2 + self._reactive) * 1_000_000)
        return (2000 * apparent_mva + voltage * self._unit_ma) // (2 * voltage * self._unit_ma)

    def take(self, index: int, value: int) -> None:
        apparent_mva = value * self._unit_ma * self._voltage_mv[index] // 1000
        found = apparent_mva**2 // 1_000_000 - self._power_w[index] ** 2
        self._reactive = max(0, self._reactive + (found - self._reactive >> 3))


# --- forecasts -------------------------------------------------------------------------------------


def _from_last(values: _Numbers) -> _Numbers:
    return [value - before for value, before in zip(values, [0, *values], strict=False)]


def _back_from_last(differences: _Numbers) -> _Numbers:
    value = 0
    values = []
    for difference in differences:
        value += difference
        values.append(value)
    return values


class _Level:
    """The mean of the values since the last jump; what jumps is told by how far they usually lie apart."""

    __slots__ = ("_count", "_spread", "_sum", "forecast")

    def __init__(self) -> None:
        self.forecast = self._sum = self._count = self._spread = 0

    def take(self, value: int, away: int) -> None:
        """`away` is how far the value is from the forecast."""
        if away < 0:
            away = -away
        if away * 8 > 5 * self._spread + 16:
            self._sum, self._count = value, 1
        else:
            self._sum += value
            self._count += 1
            if self._count == _LONGEST_LEVEL:
                self._sum >>= 1
                self._count >>= 1
        # Eight times the usual distance; one jump must not hide the next.
        self._spread += min(away, (self._spread >> 2) + 2) - (self._spread >> 3)
        self.forecast = (2 * self._sum + self._count) // (2 * self._count)


def _from_level(values: _Numbers) -> _Numbers:
    level = _Level()
    differences = []
    for value in values:
        difference = value - level.forecast
        differences.append(difference)
        level.take(value, difference)
    return differences


def _back_from_level(differences: _Numbers) -> _Numbers:
    level = _Level()
    values = []
    for difference in differences:
        value = level.forecast + difference
        values.append(value)
        level.take(value, difference)
    return values


def _as_it_is(values: _Numbers) -> _Numbers:
    return values


# The order is the format on disk; each once for the values, and once more for what was not foretold of them.
_WAYS: tuple[Callable[[_Numbers], _Numbers], ...] = (_from_last, _from_level, _as_it_is)
_BACK: tuple[Callable[[_Numbers], _Numbers], ...] = (_back_from_last, _back_from_level, _as_it_is)
