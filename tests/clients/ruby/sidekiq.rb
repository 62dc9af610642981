# Sidekiq as a program: ruby sidekiq.rb SOCKET
#
# Orders come as lines of JSON, and each is answered by one; what they mean is the same
# for every queue, see tests/clients/programs.py.

require "json"
require "sidekiq"
require "sidekiq/api"
require_relative "work"

REDIS = { url: "unix://#{ARGV.fetch(0)}" }.freeze
SOON = 0.2
STOP_SECONDS = 1

Sidekiq.logger.level = Logger::FATAL
Sidekiq.redis = REDIS

# Where a job that is not done may be, and what a test calls that.
PLACES = {
  "waiting" => -> { Sidekiq::Queue.new },
  "delayed" => -> { Sidekiq::ScheduledSet.new },
  "retrying" => -> { Sidekiq::RetrySet.new },
  "failed" => -> { Sidekiq::DeadSet.new },
}.freeze

# Return where a job is and the job, or nil where no place has it.
def find(id)
  PLACES.each do |name, place|
    job = place.call.find_job(id)
    return [name, job] if job
  end
  nil
end

# From now on, run jobs too, in threads of this process as Sidekiq's own command does.
def work(concurrency)
  require "sidekiq/cli" # with it, Sidekiq takes itself for a server
  options = Sidekiq.options
  options.merge!(queues: ["default"], concurrency: concurrency)
  options.merge!(poll_interval_average: SOON, timeout: STOP_SECONDS)
  options[:identity] = "#{Socket.gethostname}:#{Process.pid}"
  Sidekiq.redis = REDIS
  Sidekiq.server_middleware
  $launcher = Sidekiq::Launcher.new(options)
  $launcher.run
  true
end

def obey(verb, order)
  case verb
  when "enqueue"
    delay = order.delete("delay_ms").to_i / 1000.0
    job = Work.set(retry: order.delete("attempts") { 1 } - 1)
    delay.zero? ? job.perform_async(order) : job.perform_in(delay, order)
  when "state"
    result = Work.result(order["id"])
    return { state: "done", result: JSON.parse(result) } if result

    place, job = find(order["id"])
    { state: place || "gone", reason: job && job["error_message"] }
  when "remove"
    _, job = find(order["id"])
    job.delete
  when "work" then work(order["concurrency"] || 1)
  when "close" then $launcher.stop
  else raise "unknown order: #{verb}"
  end
end

$stdin.each_line do |line|
  order = JSON.parse(line)
  reply = begin
    { value: obey(order.delete("do"), order) }
  rescue StandardError => e
    { error: e.full_message(highlight: false) }
  end
  $stdout.puts(JSON.generate(reply))
  $stdout.flush
end
