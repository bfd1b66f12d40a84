#include "core/app/daemon.hpp"

#include <algorithm>
#include <random>
#include <thread>

#include "core/app/version.hpp"
#include "core/app/workplace.hpp"
#include "core/base/clock.hpp"
#include "core/fleet/inventory.hpp"
#include "core/fleet/log_upload.hpp"
#include "core/store/provides.hpp"

namespace patchbay::app {
namespace {

using fleet::DeploymentRecord;
using Clock = fleet::Timer::Clock;
using Ending = DeploymentRecord::Result;

constexpr std::size_t kMostLogFile = 4 * kMiB;

fleet::Timer timer(const Config& config, std::chrono::seconds interval) {
  return fleet::Timer{{interval, config.retry_poll_interval, config.retry_poll_count},
                      [random = std::minstd_rand{std::random_device{}()}]() mutable {
                        return std::uniform_real_distribution{-1.0, 1.0}(random);
                      }};
}

Deadline deadline_of(Clock::time_point due) {
  const auto left = due - Clock::now();
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left);
  return Deadline::after(std::max(milliseconds, std::chrono::milliseconds{0}));
}

Ending ending_of(const Result<flow::Outcome>& outcome) {
  return outcome && outcome->end == flow::End::committed ? Ending::success : Ending::failure;
}

void log_end(Log& log, const std::string& deployment, const Result<flow::Outcome>& outcome) {
  const std::string name = "deployment " + printable(deployment);
  if (!outcome) return log.error(name + " was refused: " + outcome.error().message());
  const std::string end = name + " has ended: " + std::string{to_string(outcome->end)};
  if (ending_of(outcome) == Ending::success) return log.info(end);
  log.error(end + (outcome->error ? ": " + outcome->error->message() : ""));
}

/// Nothing is left to be done for a deployment that was called off, that nobody knows, or of which
/// the server will never take what we say.
bool is_over(const Status& told) {
  return told || told.error().code() == ErrorCode::conflict ||
         told.error().code() == ErrorCode::not_found ||
         told.error().code() == ErrorCode::invalid_input;
}

std::string who_is_first(const std::optional<flow::Journal>& pending) {
  if (!pending) return "somebody is at work on the device";
  return "the update to \"" + printable(pending->artifact_name) +
         "\", which was begun by hand, has not ended";
}

Result<std::optional<DeploymentRecord>> read_record(const Session& session) {
  PB_TRY(const auto store, session.device.open_store(store::Access::read_only));
  return fleet::read_deployment(store);
}

/// From here on nothing but the report is left of the deployment. Error: more is, as its end could
/// not be recorded; nobody else would go on with that.
Status end(Workplace& workplace, DeploymentRecord& record, Ending ending) {
  PB_TRY(const auto pending, workplace.updater().in_progress());
  if (pending) return Error{ErrorCode::io, "its end could not be recorded"};
  record.result = ending;
  if (const auto status = fleet::record_deployment(workplace.store(), record); !status) {
    workplace.log().warning(status.error().message());
  }
  return Done{};
}

Status go_on(const Session& session, DeploymentRecord& record, flow::Consent& consent) {
  const Wakeups::Busy busy;
  PB_TRY(const auto workplace, Workplace::open(session, &consent));
  PB_TRY(const auto journal, workplace->updater().in_progress());
  // Another client on the same data store does not know that it has to wait.
  const bool is_of_somebody_else = journal && journal->deployment != record.id;
  if (is_of_somebody_else) return Error{ErrorCode::conflict, who_is_first(journal)};
  workplace->log().go_on(log_id(record.id, record.started));
  PB_TRY(auto outcome, workplace->updater().recover());
  PB_TRY(const auto pending, workplace->updater().in_progress());
  if (!outcome && pending) {
    PB_TRY(outcome, workplace->updater().resume({}));
  }
  if (outcome) log_end(workplace->log(), record.id, *outcome);
  const bool committed = outcome ? outcome->end == flow::End::committed
                                 : fleet::has_committed(workplace->store(), record.started);
  return end(*workplace, record, committed ? Ending::success : Ending::failure);
}

/// There is no server to ask.
class NoConsent final : public flow::Consent {
 public:
  explicit NoConsent(Error why) : why_{std::move(why)} {}
  Status ask(flow::State /*state*/) override { return why_; }

 private:
  Error why_;
};

}  // namespace

void undo_deployment(const Session& session, const Error& why) {
  auto record = read_record(session);
  if (!record || !*record || (*record)->result != Ending::open) return;
  const std::string name = "the deployment " + printable((*record)->id);
  session.log.error(name + " ends without a server: " + why.message());
  NoConsent consent{why};
  if (const auto status = go_on(session, **record, consent); !status) {
    session.log.error(name + " does not go on: " + status.error().message());
  }
}

Daemon::Daemon(const Session& session, fleet::Server& server, Wakeups& wakeups)
    : session_{session},
      log_{session.log},
      server_{server},
      deployments_{server_},
      scripts_{session.device.settings().scripts, log_},
      wakeups_{wakeups},
      poll_timer_{timer(session.device.config(), session.device.config().update_poll_interval)},
      inventory_timer_{
          timer(session.device.config(), session.device.config().inventory_poll_interval)} {
}

void Daemon::run() {
  static_cast<void>(settle());
  static_cast<void>(run_scripts("Idle_Enter"));
  for (;;) {
    wakeups_.wait(deadline_of(std::min(poll_timer_.due(), inventory_timer_.due())));
    const auto asked = wakeups_.take();
    if (asked.stop) return;
    if (asked.inventory) inventory_timer_.pull(Clock::now());
    if (asked.poll) poll_timer_.pull(Clock::now());
    if (inventory_timer_.is_due(Clock::now())) report_inventory();
    if (poll_timer_.is_due(Clock::now())) poll();
  }
}

bool Daemon::run_scripts(std::string_view group) {
  const auto run = scripts_.run(group, flow::Scripts::OnFailure::stop);
  if (!run) log_.warning(std::string{group} + ": " + run.error().message());
  return run.has_value();
}

/// The scripts around a look at the server can keep the device from it.
bool Daemon::begin_sync() {
  static_cast<void>(run_scripts("Idle_Leave"));
  if (run_scripts("Sync_Enter")) return true;
  static_cast<void>(run_scripts("Sync_Error"));
  static_cast<void>(run_scripts("Idle_Enter"));
  return false;
}

bool Daemon::end_sync(bool worked) {
  if (worked && run_scripts("Sync_Leave")) return true;
  static_cast<void>(run_scripts("Sync_Error"));
  return false;
}

void Daemon::report_inventory() {
  inventory_timer_.begin(Clock::now());
  if (!begin_sync()) return;
  const auto sent = send_inventory();
  inventory_tried_in_ = server_.logins();
  if (sent) {
    inventory_timer_.worked();
  } else {
    log_.warning("the inventory was not reported: " + sent.error().message());
    inventory_timer_.failed(Clock::now(), server_.wait_asked());
  }
  static_cast<void>(end_sync(sent.has_value()));
  static_cast<void>(run_scripts("Idle_Enter"));
}

Status Daemon::send_inventory() {
  PB_TRY(const auto provides, this->provides());
  fleet::Attributes own{{"mender_client_version", {std::string{kVersion}}}};
  for (const auto& [key, value] : provides)
    own[key] = {value};
  const std::string directory = os::join(data_directory(), "inventory");
  const std::string body = fleet::inventory_body(fleet::collect_inventory(
      {directory, session_.device.settings().module.environment}, own, log_));
  const bool is_known = body == inventory_sent_ && inventory_sent_in_ == server_.logins();
  if (is_known) return Done{};
  PB_CHECK(fleet::report_inventory(server_, body));
  inventory_sent_ = body;
  inventory_sent_in_ = server_.logins();
  return Done{};
}

void Daemon::poll() {
  poll_timer_.begin(Clock::now());
  if (!settle() || is_occupied() || !begin_sync()) return;
  const auto offer = ask();
  const bool go_on = end_sync(offer.has_value());
  if (go_on && *offer) carry_out(**offer);
  static_cast<void>(run_scripts("Idle_Enter"));
}

/// A person's update comes first; the server keeps its deployment for later.
bool Daemon::is_occupied() {
  const auto store = session_.device.open_store(store::Access::read_only);
  const auto pending = store ? flow::read_journal(*store) : Error{store.error()};
  if (pending && !*pending && !session_.device.at_work()) return false;
  log_.info("not looking for deployments now: " +
            (pending ? who_is_first(*pending) : pending.error().message()));
  return true;
}

Result<std::optional<fleet::Offer>> Daemon::ask() {
  auto offer = provides_and_ask();
  if (!offer) {
    log_.warning("no answer about deployments: " + offer.error().message());
    poll_timer_.failed(Clock::now(), server_.wait_asked());
    return offer;
  }
  // With an offer it has worked when that is begun: what keeps it from beginning may last.
  if (!*offer) poll_timer_.worked();
  const bool has_just_been_accepted = inventory_tried_in_ != server_.logins();
  if (has_just_been_accepted) inventory_timer_.pull(Clock::now());
  return offer;
}

Result<std::optional<fleet::Offer>> Daemon::provides_and_ask() {
  PB_TRY(const auto provides, this->provides());
  return deployments_.next(provides);
}

Result<store::Provides> Daemon::provides() const {
  PB_TRY(const auto store, session_.device.open_store(store::Access::read_only));
  const flow::Settings& settings = session_.device.settings();
  PB_TRY(const auto installed, store::read_installed(store, settings.image_artifact_name));
  store::Provides provides = store::all_provides(installed);
  provides["device_type"] = settings.device_type;
  return provides;
}

void Daemon::carry_out(const fleet::Offer& offer) {
  DeploymentRecord record{offer.id, utc_now_milliseconds()};
  auto consent = consent_to(offer.id);
  if (const auto status = install_on_record(offer, record, consent); !status) {
    log_.error("the deployment " + printable(offer.id) + " waits: " + status.error().message());
    poll_timer_.failed(Clock::now(), std::nullopt);
    return;
  }
  poll_timer_.worked();
  static_cast<void>(deliver(record));
}

/// Error: it could not be begun, or its end is not on record; settle() goes on with the latter.
Status Daemon::install_on_record(const fleet::Offer& offer, DeploymentRecord& record,
                                 flow::Consent& consent) {
  const Wakeups::Busy busy;
  PB_TRY(const auto workplace, Workplace::open(session_, &consent));
  PB_TRY(const auto pending, workplace->updater().in_progress());
  if (pending) return Error{ErrorCode::conflict, who_is_first(pending)};
  PB_CHECK(fleet::record_deployment(workplace->store(), record));
  workplace->log().begin(log_id(record.id, record.started));
  const auto outcome = install(*workplace, offer, record);
  log_end(workplace->log(), record.id, outcome);
  return end(*workplace, record, ending_of(outcome));
}

Result<flow::Outcome> Daemon::install(Workplace& workplace, const fleet::Offer& offer,
                                      const DeploymentRecord& record) {
  workplace.log().info("carrying out the deployment " + printable(offer.id));
  const auto told = deployments_.report(offer.id, fleet::Progress::downloading);
  if (!told && told.error().code() == ErrorCode::conflict) return Error{told.error()};
  if (!told) workplace.log().warning("going on without it: " + told.error().message());
  PB_TRY(const auto source,
         fetch::open(offer.url, session_.device.transfer_options(), workplace.log()));
  PB_TRY(const artifact::ReaderOptions reader_options, session_.device.reader_options());
  PB_TRY(artifact::Reader reader, artifact::Reader::open(*source, reader_options));
  workplace.log().info("it brings the artifact \"" + printable(reader.header().name) + "\"");
  flow::InstallOptions options;
  options.mode = flow::Mode::unattended;
  options.started = record.started;
  options.deployment = record.id;
  return workplace.updater().install(reader, source->size(), options);
}

fleet::ServerConsent Daemon::consent_to(const std::string& deployment) {
  const Config& config = session_.device.config();
  return fleet::ServerConsent{
      {server_, deployments_, log_, [](auto time) { std::this_thread::sleep_for(time); }},
      deployment,
      fleet::Backoff{config.retry_poll_interval, config.retry_poll_count}};
}

bool Daemon::settle() {
  auto record = read_record(session_);
  if (!record) {
    log_.error(record.error().message());
    return false;
  }
  if (!*record) return true;
  if ((*record)->result == Ending::open) {
    auto consent = consent_to((*record)->id);
    if (const auto status = go_on(session_, **record, consent); !status) {
      log_.error("the deployment " + printable((*record)->id) +
                 " does not go on: " + status.error().message());
      poll_timer_.failed(Clock::now(), std::nullopt);
      return false;
    }
  }
  return deliver(**record);
}

bool Daemon::deliver(const DeploymentRecord& record) {
  const bool succeeded = record.result == Ending::success;
  const auto told = deployments_.report(
      record.id, succeeded ? fleet::Progress::success : fleet::Progress::failure);
  const auto all = told && !succeeded ? send_log(record) : told;
  if (!all) {
    log_.warning("the end of the deployment " + printable(record.id) +
                 (told ? " was reported, but not its log: " : " was not reported: ") +
                 all.error().message());
  }
  if (!is_over(all)) {
    const bool comes_again = poll_timer_.failed(Clock::now(), server_.wait_asked());
    // The server knows how it has ended: a log is not worth all deployments after it.
    if (comes_again || !told) return false;
  }
  poll_timer_.worked();
  inventory_timer_.pull(Clock::now());
  return forget();
}

bool Daemon::forget() {
  auto store = session_.device.open_store(store::Access::read_write);
  const auto erased = store ? fleet::erase_deployment(*store) : Status{Error{store.error()}};
  if (!erased) log_.warning(erased.error().message() + "; it will be reported once more");
  return erased.has_value();
}

Status Daemon::send_log(const DeploymentRecord& record) {
  const auto path =
      find_deployment_log(session_.device.log_directory(), log_id(record.id, record.started));
  const auto text = path ? os::read_file(*path, kMostLogFile) : Result<std::string>{std::string{}};
  const std::string body = text ? fleet::log_upload(*text) : std::string{};
  return body.empty() ? Status{Done{}} : deployments_.send_log(record.id, body);
}

}  // namespace patchbay::app
