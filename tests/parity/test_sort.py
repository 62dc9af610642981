"""SORT and SORT_RO."""

NUMBERS = [
    "RPUSH l 10 9 -1 3.5 1e2 inf -inf 3.50",
    "SORT l",
    "SORT l DESC",
    "SORT l DESC ASC",
    "SORT_RO l LIMIT 2 3",
    "SORT l ALPHA",
    "SORT l ALPHA DESC",
    "SORT l LIMIT -5 2",
    "SORT l LIMIT 3 -5",
    "SORT l LIMIT 3 0",
    "SORT l LIMIT 100 2",
    "SORT l LIMIT 0 1000",
    "SORT l LIMIT 1000 1000",
    "SORT l LIMIT 0 1 LIMIT 1 2",
    "SADD s 5 3 1 2",
    "SORT s",
    "ZADD z 3 1 2 2 1 3",
    "SORT z",
    "SORT z DESC",
    "SORT_RO none",
    "SORT none STORE d",
]

NOT_SORTED = [
    "RPUSH l 10 9 -1 3.5",
    "ZADD z 3 a 2 b 1 c 0 d",
    "SORT l BY nosort",
    "SORT l BY nosort DESC",
    "SORT l BY nosort LIMIT 1 2",
    "SORT l BY nosort DESC LIMIT 1 2",
    "SORT z BY nosort",
    "SORT z BY nosort DESC",
    "SORT z BY nosort DESC LIMIT 1 2",
    "SORT z BY nosort ASC LIMIT 3 9",
    "SORT z BY nosort LIMIT 9 9",
    "SORT z BY nosort BY w*",
    "SORT z BY w* BY nosort",
    "SADD s c a b",
    "SORT s BY nosort STORE d",
    "LRANGE d 0 -1",
    "SORT s BY nosort DESC STORE d",
    "LRANGE d 0 -1",
    "SORT s BY nosort GET # LIMIT 0 2 STORE d",
    "LRANGE d 0 -1",
    ["EVAL", "return redis.call('sort', 's', 'by', 'nosort')", 0],
]

PATTERNS = [
    "RPUSH l 1 2 3 4",
    "MSET w1 3 w2 1 w3 2 n1 one n2 two n3 three x y",
    "HSET h1 f 5 g G1",
    "HSET h2 f 4",
    "HSET h3 f -3 -> arrow",
    "SORT l BY w*",
    "SORT l BY w* DESC",
    "SORT l BY w* GET #",
    "SORT l BY w* GET n*",
    "SORT l BY w* GET # GET n* GET h*->f GET h*->g",
    "SORT l BY h*->f",
    "SORT l BY h*->f GET w* LIMIT 1 2",
    "SORT l BY n* ALPHA",
    "SORT l BY n* ALPHA DESC",
    "SORT l BY n*",
    "SORT l GET x",
    "SORT l GET h*",
    "SORT l GET w*->f",
    "SORT l GET h*->",
    "SORT l GET h*->->",
    "SORT l BY h* GET #",
    "SORT l BY * GET #",
    "SORT l GET **",
    ["SORT", "l", "GET", b"a\x00*"],
    "SORT l BY w* STORE d",
    "TYPE d",
    "LRANGE d 0 -1",
    "SORT l BY w* GET n* STORE d",
    "LRANGE d 0 -1",
    "PEXPIRE d 100000",
    "SORT l STORE d",
    "TTL d",
    "SORT l STORE l DESC",
    "LRANGE l 0 -1",
    "SORT l LIMIT 9 9 STORE d",
    "EXISTS d",
    "SORT l STORE x STORE y",
    "EXISTS x y",
]

# As strtod reads numbers; Valkey 9.1 reads them in another way.
ODD_NUMBERS = [
    ["RPUSH", "l", " 5", b"3\x00x", "", "0x4", "+7", "1e-2"],
    "SORT l",
    "SORT l DESC",
]

ERRORS = [
    "SET string x",
    "HSET hash a b",
    "RPUSH l a 1",
    "RPUSH huge 1e999",
    ["RPUSH", "blanks", "1", " "],
    ["RPUSH", "after", "1", "2 "],
    "RPUSH nan nan",
    "SORT string",
    "SORT hash",
    "SORT string STORE d",
    "SORT l",
    "SORT l STORE d",
    "EXISTS d",
    "SORT huge",
    "SORT blanks",
    "SORT after",
    "SORT nan",
    "SORT l BY w*",
    "SORT l LIMIT 0",
    "SORT l LIMIT a b",
    "SORT l LIMIT 0 b",
    "SORT l BY",
    "SORT l GET",
    "SORT l STORE",
    "SORT_RO l STORE d",
    "SORT l FOO",
    "SORT string LIMIT 0 x",
    "SORT",
    "SORT_RO",
    "COMMAND GETKEYS SORT a BY x STORE b GET y STORE c",
    "COMMAND GETKEYS SORT a BY STORE b",
    "COMMAND GETKEYS SORT a STORE",
    "COMMAND GETKEYSANDFLAGS SORT a BY x STORE b",
    "COMMAND GETKEYS SORT_RO a BY x STORE b",
]


def test_sort_orders_numbers(parity):
    parity(NUMBERS)


def test_sort_reads_numbers_as_c_does(parity):
    parity(ODD_NUMBERS, witness="redis")


def test_sort_by_a_pattern_without_star_keeps_the_order(parity):
    parity(NOT_SORTED)


def test_sort_looks_at_other_keys(parity):
    parity(PATTERNS)


def test_sort_refuses_what_redis_refuses(parity):
    parity(ERRORS)
