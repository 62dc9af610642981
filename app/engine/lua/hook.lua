-- The count hook, under which scripts run: it ends those that are to stop, and sees to the
-- heap. It is loaded before all but the limits, with one table: the Python callbacks.
--
-- It runs every thousand instructions, which costs a loop some percent, and asks Python
-- every hundred thousand (see limits.lua). Where a script holds more memory it runs more often, and at last
-- goes by the clock: a single instruction may join strings of many megabytes. Once a
-- script is killed, every protected call in it raises again, so that it cannot catch its
-- own end.

local core = ...

local error, next, setmetatable, pcall, xpcall = error, next, setmetatable, pcall, xpcall
local running, create, clock = coroutine.running, coroutine.create, os.clock
local getinfo, sethook, gcinfo, collectgarbage = debug.getinfo, debug.sethook, gcinfo, collectgarbage
local should_stop = core.should_stop

local INSTRUCTIONS = core.limits.instructions
local INSTRUCTIONS_WITH_LARGE_HEAP = 400
local INSTRUCTIONS_WITH_HUGE_HEAP = 20
local SMALL_HEAP_KIB, LARGE_HEAP_KIB, HUGE_HEAP_KIB = 2 * 1024, 4 * 1024, 32 * 1024
local ASK_EVERY, ASK_LATE = core.limits.ask_every, core.limits.ask_late
local ASK_EVERY_SECONDS = 0.002

local KILL_REASONS = {
  "ERR Script killed by user with SCRIPT KILL...",
  "ERR Script killed by user with SCRIPT KILL...",  -- a function, by FUNCTION KILL
  "ERR FUNCTION LOAD timeout",
}

-- The collector -----------------------------------------------------------------------
--
-- A round of the collector marks all that lives, the libraries too: a fifth of the time
-- of short scripts where it begins at half again as much, nothing where a small heap may
-- grow tenfold. A heap that is not small is collected early, to stay below the limit.

local is_lazy = false

local function collect_lazily()
  is_lazy = true
  collectgarbage("setpause", 1000)
end

local function collect_early()
  is_lazy = false
  collectgarbage("setpause", 150)
  collectgarbage("step", 0)
end

local kept = 0 -- what was left of a huge heap when it was last collected

-- Between scripts, choose how the collector works by how large the heap is. What one has
-- left of a huge heap must not have the hook look closely at those behind it.
local function watch_heap()
  local held = gcinfo()
  if held > HUGE_HEAP_KIB and held > 2 * kept then
    collectgarbage()
    kept = gcinfo()
    held = kept
  end
  if is_lazy then
    if held > LARGE_HEAP_KIB then
      collect_early()
    end
  elseif held < SMALL_HEAP_KIB then
    collect_lazily()
  end
end
core.watch_heap = watch_heap
watch_heap()

-- The hook ----------------------------------------------------------------------------

local is_on = false -- whether a script runs, rather than what is ours
local is_killed, kill_reason = false, nil
local ticks, asked_at = 0, 0

local function ask()
  ticks = 0
  local verdict = should_stop()
  asked_at = clock()
  if verdict then
    kill_reason = KILL_REASONS[verdict]
    is_killed = true
    error({ err = kill_reason }, 0)
  end
end

-- Say whether what the hook interrupted is not, or no longer, within a protected call.
local edges = {}
local function is_at_edge()
  return edges[getinfo(3, "f").func]
end

local look_closely, look_as_usual

local function hook()
  if not is_on then
    return
  elseif is_killed then
    if not is_at_edge() then
      error({ err = kill_reason }, 0)
    end
    return
  end
  ticks = ticks + 1
  local held = gcinfo()
  if is_lazy and held > LARGE_HEAP_KIB then
    collect_early()
    held = gcinfo()
  end
  if ticks >= ASK_EVERY or (held > HUGE_HEAP_KIB and clock() - asked_at > ASK_EVERY_SECONDS) then
    if not is_at_edge() then
      ask()
    end
  end
  -- Last, because Lua counts the instructions of the hook as well.
  if held > LARGE_HEAP_KIB then
    look_closely(held)
  else
    look_as_usual()
  end
end

-- Let the hook look at the running coroutine, or at the main program, every so often.
local function look_every(instructions)
  local thread = running()
  if thread then
    sethook(thread, hook, "", instructions)
  else
    sethook(hook, "", instructions)
  end
end
look_every(INSTRUCTIONS)

-- The coroutines that are looked at more often than usual; true is the main program.
local close = setmetatable({}, { __mode = "k" })
local is_any_close = false

function look_closely(held)
  is_any_close = true
  close[running() or true] = true
  look_every(held > HUGE_HEAP_KIB and INSTRUCTIONS_WITH_HUGE_HEAP or INSTRUCTIONS_WITH_LARGE_HEAP)
end

function look_as_usual()
  if is_any_close then
    local thread = running() or true
    if close[thread] then
      close[thread] = nil
      is_any_close = next(close) ~= nil
      look_every(INSTRUCTIONS)
    end
  end
end

-- Ask whether to stop, from a library function that has taken or will take long.
function core.poll()
  if is_on then
    local held = gcinfo()
    if held > HUGE_HEAP_KIB then
      look_closely(held)
    end
    ask()
  end
end

-- Where C's stack ends the hook cannot run: it fails, with an error that the script may
-- catch, and does so again at the same place of a loop. So what is caught counts as well.
function core.count_error()
  if is_killed then
    error({ err = kill_reason }, 0)
  end
  ticks = ticks + 1
  if ticks >= ASK_EVERY + ASK_LATE then
    ask()
  end
end

-- Running under the hook --------------------------------------------------------------

-- Let the next script run, whatever became of the last one.
local function revive()
  is_on, is_killed = false, false
  ticks = 0
  asked_at = clock()
end
core.revive = revive

-- Switch the hook off behind a call. Who was killed has failed, whatever it says itself.
local function leave(ok, ...)
  is_on = false
  if is_killed then
    revive()
    return false, { err = kill_reason }
  end
  return ok, ...
end

-- Call a function under the hook, as pcall does.
local function call_hooked(body, ...)
  is_on = true
  return leave(pcall(body, ...))
end
core.call_hooked = call_hooked

-- Call a function under the hook, as xpcall does; it leaves one value at the most.
local function run_hooked(body, handler)
  is_on = true
  local ok, value = xpcall(body, handler)
  is_on = false
  if is_killed then
    return leave(ok)
  end
  return ok, value
end
core.run_hooked = run_hooked
edges[leave], edges[call_hooked], edges[run_hooked] = true, true, true

-- Return a coroutine under the hook.
function core.create_hooked(body)
  local thread = create(body)
  sethook(thread, hook, "", INSTRUCTIONS)
  return thread
end
