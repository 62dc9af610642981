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
