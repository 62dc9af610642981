# Sidekiq's client: ruby client.rb; see tests/clients/runners.py.

require "sidekiq/api"
require_relative "jobs"

# Where a job that is not done may be.
PLACES = [Sidekiq::Queue, Sidekiq::ScheduledSet, Sidekiq::RetrySet, Sidekiq::DeadSet].freeze

def find(id)
  PLACES.lazy.filter_map { |place| place.new.find_job(id) }.first
end

def enqueue(request)
  job = Run.set(retry: request.fetch("retries", 0))
  words = request.values_at("job", "arguments")
  delay = request["delay"]
  delay ? job.perform_in(delay, *words) : job.perform_async(*words)
end

def look(id)
  result = Run.result(id)
  return { state: "done", result: JSON.parse(result) } if result

  failed = Sidekiq::DeadSet.new.find_job(id)
  failed ? { state: "failed", error: failed["error_message"] } : { state: "pending" }
end

def answer(request)
  value = case request["do"]
          when "enqueue" then enqueue(request)
          when "look" then look(request["job_id"])
          when "cancel" then find(request["job_id"]).delete && nil
          end
  { value: value }
rescue StandardError => e
  { error: e.full_message(highlight: false) }
end

$stdout.sync = true
puts JSON.generate({ ready: true })
$stdin.each_line { |line| puts JSON.generate(answer(JSON.parse(line))) }
