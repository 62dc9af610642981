# Sidekiq's tour; its workers are Sidekiq's own command over jobs.rb. See
# tests/clients/tours.py.

require "sidekiq/api"
require_relative "jobs"

JOBS = File.join(__dir__, "jobs.rb")
PATIENCE_SECONDS = 60
DAY_SECONDS = 86_400

def wait_until(what)
  deadline = Time.now + PATIENCE_SECONDS
  until yield
    raise what if Time.now > deadline

    sleep 0.05
  end
end

# With a thread more, that one may pop what a dying process has given back.
def start
  spawn("ruby", "-S", "sidekiq", "--require", JOBS, "--concurrency", "1", "--timeout", "3",
        out: :err, pgroup: true)
end

def stop(worker, signal)
  Process.kill(signal, worker)
  Process.wait(worker)
end

def journal?(word, token, times = 1)
  File.readlines(Run::JOURNAL).count { |line| line.start_with?("#{word} #{token} ") } >= times
end

def ran?(token, times = 1)
  journal?("ran", token, times)
end

def dead
  Sidekiq::DeadSet.new.map(&:jid)
end

def push(job, token, *rest, **options)
  Run.set(retry: 0, **options).perform_async(job, [token, *rest])
end

def send_all
  sent = {
    "plain" => push("add", "plain", 1, 1),
    "failed" => push("fail", "failed"),
    "dropped" => push("fail", "dropped", dead: false),
    "not retried" => push("fail", "not-retried", retry: false),
    "retried" => push("flaky", "retried", 1, retry: 3),
    "retried in vain" => push("fail", "in-vain", retry: 1),
    "delayed" => Run.perform_in(1, "add", ["delayed", 1, 1]),
    "far" => Run.perform_in(DAY_SECONDS, "add", ["far", 1, 1]),
    "deleted" => push("add", "deleted", 1, 1, queue: "other"),
    "cleared" => push("add", "cleared", 1, 1, queue: "gone"),
    "waiting" => push("add", "waiting", 1, 1, queue: "other"),
    "unscheduled" => Run.perform_in(DAY_SECONDS, "add", ["unscheduled", 1, 1])
  }
  sent["bulk 1"], sent["bulk 2"] = Sidekiq::Client.push_bulk(
    "class" => Run, "args" => %w[bulk-1 bulk-2].map { |token| ["add", [token, 1, 1]] }
  )
  sent
end

def walk_away(sent)
  Sidekiq::Queue.new("other").find_job(sent["deleted"]).delete
  Sidekiq::Queue.new("gone").clear
  Sidekiq::ScheduledSet.new.find_job(sent["unscheduled"]).delete
end

def walk_on(sent)
  sent["put to work by hand"] = push("flaky", "by-hand", 1)
  wait_until("dead") { dead.include?(sent["put to work by hand"]) }
  Sidekiq::DeadSet.new.find_job(sent["put to work by hand"]).retry
  wait_until("by hand") { ran?("by-hand", 2) }
  sent["due by hand"] = Run.perform_in(DAY_SECONDS, "add", ["due-by-hand", 1, 1])
  Sidekiq::ScheduledSet.new.find_job(sent["due by hand"]).add_to_queue
  wait_until("due by hand") { ran?("due-by-hand") }
end

sent = send_all
walk_away(sent)
worker = start
%w[plain bulk-1 bulk-2 delayed failed dropped not-retried].each do |token|
  wait_until(token) { ran?(token) }
end
wait_until("retried") { ran?("retried", 2) }
wait_until("in vain") { dead.include?(sent["retried in vain"]) }
walk_on(sent)
sent["given back"] = push("hold", "given-back")
wait_until("given back") { journal?("held", "given-back") }
stop(worker, "TERM") # it gives back what has not ended in three seconds
worker = start
wait_until("given back") { journal?("held", "given-back", 2) }
File.write(Run::RELEASE, "")
wait_until("given back") { ran?("given-back") }
File.delete(Run::RELEASE)
sent["killed"] = push("hold", "killed")
wait_until("killed") { journal?("held", "killed") }
stop(worker, "KILL")
places = { "dead" => dead, "scheduled" => Sidekiq::ScheduledSet.new.map(&:jid) }
counts = sent.to_h do |story, jid|
  ["place of #{story}", places.find { |_, jids| jids.include?(jid) }&.first]
end
puts JSON.generate({ jobs: sent, counts: counts })
