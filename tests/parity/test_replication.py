"""Commands about replicas, clusters, users and modules, on a server that has none."""


def test_wait_answers_as_in_redis_without_replicas(parity):
    parity(
        [
            "WAIT 0 0",
            "WAIT 0 100",
            "WAIT 1 10",
            "WAIT -1 0",
            "WAIT x 0",
            "WAIT 0 x",
            "WAIT 0 -1",
            "WAIT 0 9223372036854775807",
            "WAIT 0 0x10",
            "WAIT 0",
            "MULTI",
            "WAIT 1 0",
            "EXEC",
        ]
    )


def test_waitaof_refuses_bad_arguments(parity):
    parity(
        [
            "WAITAOF 2 0 0",
            "WAITAOF -1 0 0",
            "WAITAOF x 0 0",
            "WAITAOF 0 x 0",
            "WAITAOF 0 -1 0",
            "WAITAOF 0 0 x",
            "WAITAOF 0 0 -1",
            "WAITAOF 0 0 9223372036854775807",
            "WAITAOF 0 0",
        ]
    )


def test_replicaof_and_its_like(parity):
    parity(
        [
            "REPLICAOF NO ONE",
            "SLAVEOF no one",
            "REPLICAOF x",
            "REPLICAOF localhost x",
            "FAILOVER",
            "FAILOVER ABORT",
            "FAILOVER abort x",
            "FAILOVER NOSUCH",
            "FAILOVER TO host 6379",
            "FAILOVER TO host x",
            "FAILOVER TO host",
            "FAILOVER FORCE TIMEOUT 100 TO host 1",
            "FAILOVER TIMEOUT 0",
            "FAILOVER TIMEOUT x",
            "FAILOVER TIMEOUT",
            "FAILOVER TIMEOUT 1 TIMEOUT 2",
            "ASKING",
            "READONLY",
            "READWRITE",
            "SENTINEL",
            "SENTINEL MASTERS",
        ],
        witness="redis",
    )


def test_replicas_introduce_themselves(parity):
    parity(
        [
            "REPLCONF",
            "REPLCONF capa eof capa psync2",
            "REPLCONF listening-port 6379",
            "REPLCONF listening-port x",
            "REPLCONF ip-address 10.0.0.1",
            "REPLCONF ip-address " + "x" * 256,
            "REPLCONF capa",
            "REPLCONF nosuch x",
            "REPLCONF rdb-only 0",
            "REPLCONF rdb-only x",
            "REPLCONF rdb-filter-only functions",
            "REPLCONF rdb-filter-only nosuch",
            "PSYNC ? x",
            "PSYNC ?",
            "MULTI",
            "SYNC",
            "EXEC",
        ],
        witness="redis",
    )


def test_cluster_commands_say_that_there_is_none(parity):
    parity(
        [
            "CLUSTER",
            "CLUSTER NOSUCH",
            "CLUSTER INFO",
            "CLUSTER INFO x",
            "CLUSTER SLOTS",
            "CLUSTER SHARDS",
            "CLUSTER NODES",
            "CLUSTER MYID",
            "CLUSTER KEYSLOT k",
            "CLUSTER KEYSLOT",
            "CLUSTER MEET a",
        ],
        witness="redis",
    )


def test_acl_tells_of_the_default_user(parity):
    parity(
        [
            "ACL WHOAMI",
            "ACL USERS",
            "ACL LIST",
            "ACL GETUSER default",
            "ACL GETUSER nosuch",
            "ACL CAT nosuch",
            "ACL CAT",
            "ACL CAT connection x",
            "ACL GENPASS 0",
            "ACL GENPASS x",
            "ACL GENPASS 4097",
            "ACL NOSUCH",
            "ACL",
        ],
        witness="redis",
    )


def test_there_are_no_modules(parity):
    parity(
        ["MODULE LIST", "MODULE LIST x", "MODULE LOAD /x", "MODULE NOSUCH"],
        witness="redis",
    )
