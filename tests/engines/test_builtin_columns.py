"""Decoding many records at once gives what the JSON parser gives, one at a time."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readings import LARGEST, QUERY, part, stream

from engines.micro_batch.columns import ColumnDecoder, Layout
from engines.micro_batch.labels import Labels
from engines.runtime.events import EventDecoder, one_object_a_line
from workloads.query import Column, Query, Tumbling, Windowed


@given(
    st.lists(
        st.sampled_from([b'{"a":1}', b'{"a":', b"1}", b"{}{}", b"{", b"}", b"", b' {"a":2} ', b'"}', b'{"']),
        min_size=1,
        max_size=6,
    )
)
def test_one_object_a_line_never_vouches_for_lines_that_parse_otherwise(lines: list[bytes]):
    for times in (1, 2_000):  # short bodies and long ones are looked at in two ways
        body, count = b"\n".join(lines * times), len(lines) * times
        assert one_object_a_line(body, count) == all(line[:1] == b"{" and line[-1:] == b"}" for line in lines)
        assert not one_object_a_line(body, count + 1)


TEXT = st.text(max_size=20) | st.sampled_from(["a", "key", "\0", '"', "\\", "0123456789abcde", "0123456789abcdef"])
INTEGER = st.integers(0, LARGEST) | st.sampled_from([0, 9, 10, 99_999_999, 100_000_000, 10**15, 10**16 - 1])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(INTEGER, INTEGER, TEXT, INTEGER, INTEGER), min_size=1, max_size=12),
    st.permutations(["id", "check", "sensor", "time", "temperature"]),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]),
    st.booleans(),
    st.data(),
)
def test_columns_decoded_by_shape_are_those_of_the_json_parser(rows, order, separators, ascii_only, data):
    names = [column.name for column in QUERY.columns]
    records = []
    for row in rows:
        fields = dict(zip(names, row, strict=True))
        fields = {name: fields[name] for name in order}
        records.append(json.dumps(fields, separators=separators, ensure_ascii=ascii_only).encode(errors="replace"))
    # Damage one byte now and then: both ways must agree on what is left.
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(records) - 1))
        where = data.draw(st.integers(0, len(records[at]) - 1))
        byte = data.draw(st.sampled_from(list(b'0:",}{\\ a\x00\xff')))
        records[at] = records[at][:where] + bytes([byte]) + records[at][where + 1 :]
    parts = [part(records[start : start + 5]) for start in range(0, len(records), 5)]
    decoder = ColumnDecoder(QUERY, Labels())
    for _ in range(2):  # the second time with all keys known
        columns, broken = decoder.decode(parts)
        events = [one for each in parts for one in EventDecoder(QUERY).decode(each)[0]]
        assert broken == len(records) - len(events)
        assert [decoder.labels.texts[code] for code in columns.keys.tolist()] == [one.c2 for one in events]
        for name, attribute in (("id", "c0"), ("check", "c1"), ("time", "c3"), ("temperature", "c4")):
            assert columns.values[name].tolist() == [getattr(one, attribute) for one in events]


def test_lines_that_break_off_are_no_match_however_long_the_names_are():
    name = "a column with a name of several words, longer than what stands around a text"
    query = Query(
        columns=(Column("id", "integer"), Column("check", "integer"), Column("key", "text"), Column(name, "integer")),
        time=name,
        key="key",
        shape=Windowed(Tumbling(1000), ()),
        watermark_delay_ms=0,
    )
    good = b'{"id":1,"check":2,"key":"a","%s":3}' % name.encode()
    shape = Layout.learn(good, query)
    assert shape is not None
    assert shape.spans([good, good], 2) is not None
    for length in range(1, len(good)):
        assert shape.spans([good, good[:length]], 2) is None
        assert shape.spans([good[:length] + b'"' * 8], 1) is None
        quotes = good.count(b'"')
        assert shape.spans([b'"' * quotes + good[:length].replace(b'"', b"")], 1) is None
        assert shape.spans([good[:length].replace(b'"', b"") + b'"' * quotes], 1) is None


def test_the_shape_of_the_generators_records_is_learned():
    decoder = ColumnDecoder(QUERY, Labels())
    records = stream(500, 3)
    shape = Layout.learn(records[0], QUERY)
    assert shape is not None
    assert shape.spans([b"\n".join(records)], len(records)) is not None
    columns, broken = decoder.decode([part(records)])
    assert broken == 0
    assert columns.values["time"].dtype == np.int64


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{}",
        b'{"id":1}',
        b'{"id":1,"check":2,"sensor":"a","time":3,"temperature":4,"more":5}',
        b'{"id":1,"id":2,"check":2,"sensor":"a","time":3,"temperature":4}',
        b'{"id":1,"check":2,"sensor":5,"time":3,"temperature":4}',
        b'{"id":1,"check":2,"sensor":"a","time":"3","temperature":4}',
        b'{"id":1,"check":2,"sensor":"a","time":3,"temperature":4',
        b'{"id":1,"check":2,"sensor":"a","time":3,"temperature":4} ',
        b'{"id":1,"check":2,"sensor":"a","time":3,"temperature":4,}',
    ],
)
def test_records_of_another_kind_have_no_shape(record: bytes):
    assert Layout.learn(record, QUERY) is None
