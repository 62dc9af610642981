-- The limits of the sandbox, all in one place. Whoever makes a runtime may set others: so
-- a test of a guard needs no more than a few bytes to reach it.

local core = ...

local limits = {
  -- hook.lua: how many instructions pass between two runs of the hook, how many of its
  -- runs between two questions whether to stop, and how many caught errors besides.
  instructions = 1000,
  ask_every = 100,
  ask_late = 20,

  -- base.lua: how many values `unpack` may leave on the stack.
  unpacked = 7999,

  -- libraries.lua: the longest string of `rep`, from which size on it asks first, and how
  -- many items of a table a function in C may go through unasked.
  string_bytes = 512 * 1024 * 1024,
  string_bytes_to_poll = 1000000,
  items_in_c = 50000,

  -- patterns.lua: how much work the stock matcher may do, from which on it asks first,
  -- for how long a subject a simple pattern is not weighed, and the most quantified items.
  pattern_cost = 2e7,
  pattern_cost_to_poll = 2e5,
  pattern_subject_bytes = 100000,
  pattern_items = 200,

  -- matcher.lua: how deep the matcher in Lua may recurse, and the most captures.
  match_depth = 1800,
  captures = 32,

  -- replies.lua: how deep a reply may nest: as much as fits into Redis's C stack of Lua.
  reply_depth = 7995,

  -- cmsgpack.lua, struct.lua: what is nested deeper is nil; the widest integer, the
  -- largest number in a format, and the most values at a time.
  cmsgpack_depth = 16,
  struct_integer_bytes = 32,
  struct_count = 2147483647,
  struct_values = 7000,
}

for name, value in next, core.limits do
  limits[name] = value
end
core.limits = limits
