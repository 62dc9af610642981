"""HGETDEL."""


def test_hgetdel_takes_fields_as_valkey_does(parity):
    parity(
        [
            "HSET h a 1 b 2 c 3",
            "HGETDEL h FIELDS 2 a x",
            "HGETDEL h fields 1 a",
            "HGETDEL none FIELDS 2 a b",
            "HGETDEL h FIELDS 2 b b",
            "HGETALL h",
            "HGETDEL h FIELDS 0 a",
            "HGETDEL h FIELDS -1 a",
            "HGETDEL h FIELDS x a",
            "HGETDEL h FIELDS 99999999999999999999 a",
            "HGETDEL h FIELDS 2 a",
            "HGETDEL h FIELDS 1 a b",
            "HGETDEL h FIELD 1 a",
            "HGETDEL h FIELDS 1",
            "SET s x",
            "HGETDEL s FIELDS 1 a",
            "HGETDEL s FIELDS x a",
            "HGETDEL h FIELDS 2 a c",
            "EXISTS h",
            "COMMAND GETKEYSANDFLAGS HGETDEL h FIELDS 1 a",
        ]
    )
