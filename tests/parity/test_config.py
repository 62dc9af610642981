"""CONFIG, beside a real server's."""


def test_config_get_and_set(parity):
    parity(
        [
            "CONFIG GET maxmemory-samples",
            "CONFIG GET nosuch",
            "CONFIG GET",
            "CONFIG SET",
            "CONFIG SET maxmemory-samples",
            "CONFIG SET maxmemory-samples 6 timeout",
            "CONFIG SET maxmemory-samples 6 timeout 7",
            "CONFIG GET maxmemory-samples",
            "CONFIG GET TIMEOUT",
            "CONFIG SET maxmemory-samples x",
            "CONFIG SET nosuch 1",
            "CONFIG SET timeout 1 timeout 2",
            "CONFIG SET timeout 8 maxmemory-samples x",
            "CONFIG GET timeout",
            "CONFIG SET timeout 0 maxmemory-samples 5",
            "CONFIG SET dir /nosuch",
            "CONFIG SET databases 3",
        ]
    )


LIMITS = [
    *("normal 1mb 2mb 3", "NORMAL 1 2 3", "normal 1MB 2Kb 3", "normal 1gb 1g 0"),
    *("slave 1 2 3", "replica 1 2 3", "master 1 2 3", "foo 1 2 3", ""),
    *("normal 1 2 3 pubsub 4 5 6", "normal 1 2 3 normal 7 8 9", "normal 1 2 3 4"),
    *("normal", "normal 1 2", "normal 1 2 3 4", "normal -1 2 3", "normal 1 -2 3"),
    *("normal 1 2 -3", "normal x 2 3", "normal 1 2 x", "normal 1.5 2 3"),
    *("normal 1 2 3mb", "normal  1   2  3", " normal 1 2 3 ", "normal 1% 2 3"),
    *("normal 9223372036854775807 1 1", "normal 18446744073709551616 1 1"),
    *("normal 1 2 9223372036854775808", '"normal" 1 2 3'),
]


def test_output_buffer_limits_are_read_as_redis_reads_them(parity):
    name = "client-output-buffer-limit"
    known = "normal 0 0 0 slave 1 1 1 pubsub 2 2 2"
    parity(
        [
            step
            for text in LIMITS
            for step in (
                ["CONFIG", "SET", name, known],
                ["CONFIG", "SET", name, text],
                ["CONFIG", "GET", name],
            )
        ],
        witness="redis",
    )


def test_config_get_of_several_patterns(parity):
    parity(
        ["CONFIG GET maxmemory slowlog* timeout", "CONFIG GET slowlog-m?x-len"],
        unordered={0, 1},
        witness="redis",
    )


def test_other_config_subcommands(parity):
    parity(
        [
            "CONFIG",
            "CONFIG NOSUCH",
            "CONFIG REWRITE",
            "CONFIG RESETSTAT",
            "CONFIG RESETSTAT now",
            "CONFIG HELP now",
        ]
    )
