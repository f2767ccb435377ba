"""What counts as a row: the JSON object that the query asks for, and nothing that only resembles it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pytest

from results.evidence.rows import Rows, parse
from workloads.query import Aggregate, Project, Tumbling, Windowed
from workloads.sensors import workload

QUERY = replace(workload.query(workload.defaults), shape=Windowed(Tumbling(1000), (Aggregate("sum", "sum", "id"),)))
LABELS = ("sensor-0001", "a:b", 'quo"te', "ключ", "{:}")
REST = b'"start":0,"end":1000,"count":2,"ids":3,"checks":4'


def parsed(values: Sequence[bytes | None], query=QUERY) -> Rows:
    numbers = range(len(values))
    table = {
        "partition": [0] * len(values),
        "offset": numbers,
        "time_ms": numbers,
        "visible_ns": numbers,
        "value": values,
    }
    return parse(query, pa.table(table), LABELS)


def row(sum_: bytes, key: bytes = b'"sensor-0001"') -> bytes:
    return b'{"key":%s,"sum":%s,%s}' % (key, sum_, REST)


@pytest.mark.parametrize(
    ("written", "value"),
    [(b"0", 0), (b"-0", 0), (b"-7", -7), (b"9223372036854775807", 2**63 - 1), (b"-9223372036854775808", -(2**63))],
)
def test_an_integer_of_64_bits_is_read(written: bytes, value: int) -> None:
    assert parsed([row(written)]).values[0].tolist() == [value]


@pytest.mark.parametrize(
    "written",
    [
        *(b"1.0", b"1e3", b"1E0", b"-0.0", b"0.5", b"1.", b".5", b"1e", b"1e400", b"9007199254740993.0"),
        *(b"01", b"-01", b"+1", b"--1", b"0x1", b"1_000", b"1 0", b"1n", b"\xd9\xa1"),
        *(b"NaN", b"Infinity", b"-Infinity", b"true", b"false", b"null", b'"1"', b"[1]", b'{"sum":1}', b""),
        *(b"9223372036854775808", b"-9223372036854775809", b"18446744073709551616", b"1" * 5_000),
    ],
)
def test_whatever_else_a_number_may_be_is_malformed(written: bytes) -> None:
    found = parsed([row(b"5"), row(written), row(b"6")])
    assert found.values[0].tolist() == [5, 6]
    assert [each.offset for each in found.malformed] == [1]


@pytest.mark.parametrize(
    "value",
    [
        b'{"key":"sensor-0001","sum":1,"sum":27500,%s}' % REST,
        b'{"key":"sensor-0001","sum":27500,"sum":27500,%s}' % REST,
        b'{"key":"x","key":"sensor-0001","sum":27500,%s}' % REST,
        b'{"key":"sensor-0001","key":"sensor-0001","sum":27500,%s}' % REST,
        b'{"key":"sensor-0001","sum":1,"s\\u0075m":27500,%s}' % REST,
        b'{"key":"sensor-0001","s\\u0075m":1,"sum":27500,%s}' % REST,
        b'{"k\\u0065y":"a:b","key":"a:b","sum":27500,%s}' % REST,
        b'{"key":"a:b","sum":1,%s,"checks":4}' % REST,
        b'{"key":"quo\\"te","sum":1,%s, "end" : 1000}' % REST,
        b'{"key":"~close-0-1","key":"sensor-0001","sum":1,%s}' % REST,
        b'{"key":"sensor-0001","key":"~close-0-1","sum":1,%s}' % REST,
        b'{"key":"sensor-0001","key":"~close-0-1","sum":1,"more":2,%s}' % REST,
    ],
)
def test_a_name_that_is_there_twice_is_malformed(value: bytes) -> None:
    (found,) = parsed([value]).malformed
    assert found.why.startswith("not a row of the query: ")


@pytest.mark.parametrize(
    "value",
    [
        b"\xef\xbb\xbf" + row(b"1"),
        row(b"1").decode().encode("utf-16"),
        row(b"1") + b"x",
        row(b"1") + row(b"1"),
        row(b"1") + b"\0",
        row(b"1") + b"//",
        b"\x0b" + row(b"1"),
        b"\xa0" + row(b"1"),
        row(b"1,"),
        row(b"1").replace(b"}", b",}"),
        row(b"1").replace(b'"', b"'"),
        row(b"1").replace(b'"sum"', b"sum"),
        row(b"1").replace(b'"sum"', b'"Sum"'),
        row(b"1").replace(b'"sum"', b'"sum "'),
        row(b"1", b'"a\nb"'),
        row(b"1", b'"a\0b"'),
        row(b"1", b'"\\x61"'),
        row(b"1", b'"\\ud800"'),
        row(b"1", b'"\xed\xa0\x80"'),
        row(b"1", b'"\xc0\x80"'),
        row(b"1", b'"\xff"'),
        row(b"1", b"1"),
        row(b"1", b"null"),
        b"[" + row(b"1") + b"]",
        b'["sensor-0001",0,1000,1,2,3,4]',
        None,
    ],
)
def test_a_text_that_is_not_the_object_is_malformed(value: bytes | None) -> None:
    found = parsed([value])
    assert (len(found.keys), len(found.malformed)) == (0, 1)


@pytest.mark.parametrize(
    "value",
    [
        row(b"1"),
        b" \r\n\t" + row(b" 1 ").replace(b":", b" :\n") + b"\n ",
        b'{%s,"sum":1,"key":"sensor-0001"}' % REST,
        row(b"1").replace(b'"sum"', b'"s\\u0075m"'),
        row(b"1", b'"a:b"'),
        row(b"1", b'"a\\u003ab"'),
        row(b"1", b'"quo\\"te"'),
        row(b"1", b'"{:}"'),
        row(b"1", '"ключ"'.encode()),
        row(b"1", b'"\\u043a\\u043b\\u044e\\u0447"'),
    ],
)
def test_the_same_object_may_be_written_in_any_way_that_json_has(value: bytes) -> None:
    found = parsed([value])
    assert found.malformed == []
    assert (found.strangers, found.values[0].tolist()) == ({}, [1])


def test_a_row_for_a_control_key_is_never_judged_whatever_its_shape() -> None:
    values = [row(b"1", b'"~close-0-1"'), b'{"key":"~heartbeat-0","sum":1,"sum":2}', b'{"key":"~a","key":"~b"}']
    found = parsed(values)
    assert (len(found.keys), found.malformed) == (0, [])


def test_fields_may_have_colons_in_their_names_and_stand_once_though_they_are_asked_twice() -> None:
    query = replace(QUERY, shape=Windowed(Tumbling(1000), (Aggregate("a:b", "sum", "id"),)))
    value = row(b"7").replace(b'"sum"', b'"a:b"')
    twice = value.replace(b'"end"', b'"a\\u003ab":1,"end"')
    found = parsed([value, twice], query)
    assert (found.values[0].tolist(), [each.offset for each in found.malformed]) == ([7], [1])
    found = parsed([b'{"key":"a:b","id":3,"check":4}'], replace(QUERY, shape=Project(("check", "id"))))
    assert (found.identity.tolist(), found.values.tolist()) == ([[3]], [[4], [3], [4]])
