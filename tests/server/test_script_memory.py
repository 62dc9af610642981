"""How much scripts may hold is a setting, and long lists are read by one call."""

import pytest

IDS = 200_000
READ = "return #redis.call('LRANGE', KEYS[1], 0, -1)"
READ_TWICE = """
local seen
for _ = 1, 3 do
  local ids = redis.call('LRANGE', KEYS[1], 0, -1)
  seen = ids[1] .. ids[#ids]
end
return seen
"""


@pytest.fixture
def client(server):
    client = server.connect()
    for start in range(0, IDS, 5000):
        client.ask("RPUSH", "ids", *(b"%032d" % n for n in range(start, start + 5000)))
    return client


def test_scripts_hold_as_much_as_the_setting_says(client):
    assert client.ask("EVAL", READ, 1, "ids") == b":%d\r\n" % IDS

    assert client.ask("CONFIG", "SET", "script-memory-max", "16mb") == b"+OK\r\n"
    refused = client.ask("EVAL", READ, 1, "ids")
    small = client.ask("EVAL", "return 1", 0)
    assert client.ask("CONFIG", "SET", "script-memory-max", "512mb") == b"+OK\r\n"

    assert refused.startswith(b"-ERR not enough memory")
    assert small == b":1\r\n"
    assert client.ask("EVAL", READ, 1, "ids") == b":%d\r\n" % IDS


def test_a_long_list_is_read_again_and_again_by_one_script(client):
    client.ask("CONFIG", "SET", "script-memory-max", "96mb")

    last = b"%032d" % 0 + b"%032d" % (IDS - 1)
    assert client.ask("EVAL", READ_TWICE, 1, "ids") == b"$64\r\n%b\r\n" % last


def test_a_script_cannot_change_what_it_may_hold_itself(client):
    client.ask("DEBUG", "SET-DISABLE-DENY-SCRIPTS", 1)
    script = "return redis.call('CONFIG', 'SET', 'script-memory-max', '64mb')"

    reply = client.ask("EVAL", script, 0)

    assert b"a script that runs cannot change it" in reply
    assert client.ask("CONFIG", "GET", "script-memory-max").endswith(b"1073741824\r\n")
