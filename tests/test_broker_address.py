"""An address of a broker is read as people write it, and what is none is refused with the reason."""

from __future__ import annotations

import pytest

from harness.foreign_kafka.broker_address import normalised


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("localhost:9092", "localhost:9092"),
        ("127.0.0.1:09092", "127.0.0.1:9092"),
        ("[::1]:9092", "[::1]:9092"),
        ("[fe80::1%eth0]:9092", "[fe80::1%eth0]:9092"),
        (" a:1 , b.example:2,\tkafka_3:65535 ", "a:1,b.example:2,kafka_3:65535"),
        ("a:1,b:2,a:1", "a:1,b:2"),
    ],
)
def test_an_address_is_read_without_spaces_and_none_twice(written: str, read: str) -> None:
    assert normalised(written) == read
    assert normalised(read) == read


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "is empty"),
        (" \t", "is empty"),
        ("a:1,", "a comma with no address"),
        (",a:1", "a comma with no address"),
        ("localhost", "it has no port"),
        ("[::1]", "it has no port"),
        ("localhost:", "a number from 1 to 65535"),
        (":9092", "it has no host"),
        ("localhost:kafka", "a number from 1 to 65535"),
        ("localhost:0", "a number from 1 to 65535"),
        ("localhost:-1", "a number from 1 to 65535"),
        ("a:70000", "a number from 1 to 65535"),
        ("a:\u0663", "a number from 1 to 65535"),
        ("::1:9092", "stands in brackets"),
        ("[]:1", "no name of a host"),
        ("[x]:1", "no name of a host"),
        ("-x:1", "no name of a host"),
        ("x" * 300 + ":1", "no name of a host"),
        ("a\x1b[2J:1", "no name of a host"),
        ("a/b:1", "no name of a host"),
        ("a:1 b:2", "commas between them"),
        ("a:1\nb:2", "commas between them"),
        ("PLAINTEXT://a:1", "leave PLAINTEXT:// out"),
        (",".join(f"a{number}:1" for number in range(101)), "101 addresses are too many"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(written: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        normalised(written)
    assert why in str(caught.value)


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(ValueError) as caught:
        normalised("me:secret@kafka:9092")
    assert "secret" not in str(caught.value)
