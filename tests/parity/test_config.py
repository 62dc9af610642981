"""CONFIG, beside a real server's."""

import pytest

from tests.support.servers import start_joblog, start_redis


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


def test_what_redis_alone_can_change_may_be_set_to_what_it_is(parity):
    parity(
        [
            "CONFIG SET appendonly maybe",
            "CONFIG SET databases 16",
            "CONFIG SET databases x",
            "CONFIG SET databases 16 timeout 3",
            "CONFIG SET timeout 3 databases 16",
            "CONFIG GET timeout",
            "CONFIG SET io-threads 1",
            "CONFIG SET tcp-backlog 511",
            "CONFIG SET daemonize no",
            "CONFIG SET cluster-enabled no",
        ],
        witness="redis",
    )


def test_a_log_that_is_on_cannot_be_turned_off():
    with start_joblog("--enable-protected-configs", "yes") as server:
        ask_for_another_log(server)


def ask_for_another_log(server):
    client = server.connect()
    same = [
        client.ask("CONFIG", "SET", "appendonly", "YES"),
        client.ask("CONFIG", "SET", "dir", str(server.folder)),
        client.ask("CONFIG", "SET", "dir", f"{server.folder}/../data/", "timeout", 1),
        # From where Redis is: it has gone to the folder.
        client.ask("CONFIG", "SET", "dir", "."),
        client.ask("CONFIG", "SET", "dir", "./../data"),
    ]
    other = [
        client.ask("CONFIG", "SET", "appendonly", "no"),
        client.ask("CONFIG", "SET", "timeout", "7", "dir", "/"),
    ]

    assert same == [b"+OK\r\n"] * 5
    assert b"can't set immutable config" in other[0]
    assert b"'dir') - the log stays in its folder while the server runs" in other[1]
    assert client.ask("CONFIG", "GET", "dir").endswith(b"%b\r\n" % bytes(server.folder))
    assert client.ask("CONFIG", "GET", "timeout").endswith(b"$1\r\n1\r\n")


PATHS = ["/nosuch", "/etc/passwd", "/etc/passwd/x", "", "/" + "x" * 300, "nosuch/.."]


def test_folder_that_there_is_not_is_refused_in_the_words_of_the_system():
    found = []
    for start in (start_joblog, start_redis):
        with start("--enable-protected-configs", "yes") as server:
            client = server.connect()
            found.append(
                [
                    *(client.ask("CONFIG", "SET", "dir", path) for path in PATHS),
                    client.ask("CONFIG", "SET", "timeout", "7", "dir", "/nosuch"),
                    client.ask("CONFIG", "GET", "timeout"),
                ]
            )
    ours, theirs = found

    assert ours == theirs


@pytest.mark.parametrize("witness", ["redis8", "valkey"])
def test_locale_that_the_system_has_not_is_refused(parity, witness):
    parity(
        [
            ["CONFIG", "SET", "locale-collate", name]
            for name in ("xx_NOSUCH", "C", "POSIX", "nosuch", "c", "")
        ]
        + ["CONFIG GET locale-collate"],
        witness=witness,
    )


def test_hidden_settings_are_shown_to_who_knows_their_names(parity):
    names = ["key-load-delay", "rdb-key-save-delay", "watchdog-period"]
    names += ["use-exit-on-panic", "loading-process-events-interval-bytes"]
    parity(
        [
            *(f"CONFIG GET {name}" for name in names),
            *(f"CONFIG GET {name[:-1]}?" for name in names),
            "CONFIG GET key-load*",
            *(f"CONFIG SET {name} x" for name in names),
            "CONFIG SET key-load-delay -2147483648 rdb-key-save-delay 2147483647",
            "CONFIG GET key-load-delay rdb-key-save-delay",
            "CONFIG SET key-load-delay 2147483648",
            "CONFIG SET rdb-key-save-delay -2147483649",
            "CONFIG SET key-load-delay 0 rdb-key-save-delay 0",
            "CONFIG SET loading-process-events-interval-bytes 1023",
            "CONFIG SET watchdog-period -1",
        ],
        unordered={"CONFIG GET"},
        witness="redis",
    )


def test_the_policy_of_eviction_is_told_as_it_was_set(parity):
    parity(
        [
            "CONFIG SET maxmemory-policy allkeys-lfu",
            "CONFIG GET maxmemory-policy",
            ["EVAL", "return redis.call('INFO', 'memory'):match('_policy:(%S+)')", 0],
            "SET k v",
            "OBJECT IDLETIME k",
            "CONFIG SET maxmemory-policy nosuch",
            "CONFIG SET maxmemory-policy noeviction",
            "CONFIG GET maxmemory-policy",
            "OBJECT FREQ k",
        ],
        witness="redis",
    )


def test_defragmentation_cannot_be_turned_on(parity):
    parity(
        [
            "CONFIG SET activedefrag yes",
            "CONFIG SET timeout 5 activedefrag yes",
            "CONFIG GET activedefrag timeout",
            "CONFIG SET activedefrag no",
        ],
        unordered={"CONFIG GET"},
        witness="redis",
    )


TITLES = [
    *("{title}", "{title} {listen-addr} {server-mode}", "{port} {tls-port}", "plain"),
    *("{nosuch} x", "{title", "title}", "{}", "}{", "{{title}}", "a{TITLE}", "", " "),
]
SHUTDOWNS = [
    *("NOSAVE now", "now nosave now force", "default now", "default", "save save"),
    *("x now", "", "save nosave", "force save now"),
]


def test_words_that_redis_refuses_are_refused_though_they_change_nothing(parity):
    parity(
        [
            *(["CONFIG", "SET", "proc-title-template", title] for title in TITLES),
            "CONFIG GET proc-title-template",
            ["CONFIG", "SET", "proc-title-template", TITLES[1]],
            *(
                step
                for words in SHUTDOWNS
                for step in (
                    ["CONFIG", "SET", "shutdown-on-sigterm", words],
                    "CONFIG GET shutdown-on-sigterm",
                )
            ),
            "CONFIG SET shutdown-on-sigterm default",
            ["CONFIG", "SET", "cluster-announce-hostname", "a b"],
            ["CONFIG", "SET", "cluster-announce-hostname", "a-1.B"],
            ["CONFIG", "SET", "cluster-announce-hostname", ""],
        ],
        witness="redis",
    )
