"""The Lua that runs on the nodes. Redis runs a script as one step: what is said in one script cannot be torn apart."""

from dataclasses import dataclass
from hashlib import sha1


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the name by which a node that has seen it knows it."""

    source: str
    sha: str


def _script(source: str) -> Script:
    return Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


SWAP = _script("""
-- Put ARGV[2] in the place of the entry that begins with ARGV[1] (25 bytes: type, epoch and fill id), for ARGV[3] ms.
-- KEYS[1] entry
if redis.call('GETRANGE', KEYS[1], 0, 24) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
""")

APPLY = _script("""
-- Forget the keys of the log entries ARGV[1]..ARGV[2] of log ARGV[3]; advance the cursor only where that leaves no gap.
-- KEYS[1] ring record, KEYS[2..] entries. Unlinking comes first: should the rest fail, the cursor promises too little.
for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end
local record = redis.call('HMGET', KEYS[1], 'cursor', 'log')
if not record[1] or record[2] ~= ARGV[3] then return false end
local cursor = tonumber(record[1])
if tonumber(ARGV[1]) - 1 <= cursor and cursor < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'cursor', ARGV[2])
  cursor = tonumber(ARGV[2])
end
return cursor
""")

INIT = _script("""
-- Begin a new epoch ARGV[3] at cursor ARGV[4] of log ARGV[5], unless another process did so before: the record must be
-- missing, or still be the one of epoch ARGV[1] and cursor ARGV[2]. Returns the record that holds. Flushes nothing.
-- KEYS[1] ring record
local record = redis.call('HMGET', KEYS[1], 'epoch', 'cursor', 'log')
if record[1] and record[2] and not (record[1] == ARGV[1] and record[2] == ARGV[2]) then return record end
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'cursor', ARGV[4], 'log', ARGV[5])
return {ARGV[3], ARGV[4], ARGV[5]}
""")
