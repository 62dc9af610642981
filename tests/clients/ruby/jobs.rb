# The job that Sidekiq runs; see tests/clients/runners.py. Its worker loads this file:
#
#   sidekiq -r jobs.rb

require "json"
require "sidekiq"

# Sidekiq 7 has its settings in `config`, 6 in the module itself.
def configure(config, settings)
  config.logger.level = Logger::WARN
  config.redis = { url: "unix://#{ENV.fetch("RUNNER_SOCKET")}" }
  settings[:poll_interval_average] = 0.2 # how often it looks for delayed jobs
end

is_old = Sidekiq::VERSION.to_i < 7
Sidekiq.configure_client { |config| configure(config, is_old ? Sidekiq.options : config) }
Sidekiq.configure_server { |config| configure(config, is_old ? Sidekiq.options : config) }

class Run
  include Sidekiq::Worker

  FOLDER = ENV.fetch("RUNNER_FOLDER")
  JOURNAL = File.join(FOLDER, "journal")
  RELEASE = File.join(FOLDER, "release")
  POLL_SECONDS = 0.02
  RESULT_SECONDS = 3600

  sidekiq_retry_in { 1 } # and up to ten seconds more, which Sidekiq adds by chance

  # Sidekiq keeps no results, so a job that has one leaves it in Redis itself.
  def self.result(id)
    Sidekiq.redis { |redis| redis.get("result:#{id}") }
  end

  def perform(job, arguments)
    result = send(job, *arguments)
    Sidekiq.redis { |redis| redis.setex("result:#{jid}", RESULT_SECONDS, result.to_json) }
  end

  private

  def add(token, left, right)
    tell("ran", token)
    left + right
  end

  def fail(token)
    tell("ran", token)
    raise "this job always fails"
  end

  def flaky(token, failures)
    tell("ran", token)
    times = File.readlines(JOURNAL).count { |line| line.start_with?("ran #{token} ") }
    raise "failure #{times} of #{failures}" if times <= failures

    times
  end

  def hold(token)
    tell("held", token)
    sleep(POLL_SECONDS) until File.exist?(RELEASE)
    tell("ran", token)
    token
  end

  def tell(word, token)
    File.write(JOURNAL, format("%s %s %.6f\n", word, token, Time.now.to_f), mode: "a")
  end
end
