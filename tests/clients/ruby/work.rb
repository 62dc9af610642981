# The job that Sidekiq runs; each run leaves the job's name in a diary, a file.
class Work
  include Sidekiq::Worker

  POLL_SECONDS = 0.02
  RESULT_SECONDS = 3600

  sidekiq_retry_in { 1 } # and up to ten seconds more, which Sidekiq adds by chance

  # Sidekiq keeps no results, so a job that has one leaves it in Redis itself.
  def self.result(id)
    Sidekiq.redis { |redis| redis.get("result:#{id}") }
  end

  def perform(order)
    File.write(order["diary"], "#{order["name"]}\n", mode: "a")
    result = run(order)
    Sidekiq.redis { |redis| redis.setex("result:#{jid}", RESULT_SECONDS, result.to_json) }
  end

  private

  def run(order)
    case order["kind"]
    when "add" then order["left"] + order["right"]
    when "fail" then raise "this job always fails"
    when "flaky"
      runs = File.readlines(order["diary"], chomp: true).count(order["name"])
      raise "not yet" if runs <= order["failures"]

      "at last"
    when "hold"
      sleep(POLL_SECONDS) until File.exist?(order["gate"])
      "released"
    else raise "unknown kind of job: #{order["kind"]}"
    end
  end
end
