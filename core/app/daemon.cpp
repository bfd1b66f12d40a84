#include "core/app/daemon.hpp"

#include <algorithm>
#include <random>

#include "core/app/provides.hpp"
#include "core/app/version.hpp"
#include "core/base/clock.hpp"
#include "core/fleet/inventory.hpp"

namespace patchbay::app {
namespace {

using fleet::DeploymentRecord;
using Clock = fleet::Timer::Clock;

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

/// Nothing is left to be done for a deployment that was called off, that nobody knows, or of which
/// the server will never take what we say.
bool is_over(const Status& told) {
  return told || told.error().code() == ErrorCode::conflict ||
         told.error().code() == ErrorCode::not_found ||
         told.error().code() == ErrorCode::invalid_input;
}

}  // namespace

Daemon::Daemon(const Session& session, fleet::Server& server, Wakeups& wakeups,
               const os::ProgramFile* program)
    : session_{session},
      log_{session.log},
      server_{server},
      deployer_{session, server_},
      scripts_{session.device.settings().scripts, log_},
      wakeups_{wakeups},
      program_{program},
      poll_timer_{timer(session.device.config(), session.device.config().update_poll_interval)},
      inventory_timer_{
          timer(session.device.config(), session.device.config().inventory_poll_interval)} {
}

Daemon::End Daemon::run() {
  static_cast<void>(settle());
  static_cast<void>(run_scripts("Idle_Enter"));
  for (;;) {
    if (is_upgraded()) return End::upgraded;
    wakeups_.wait(deadline_of(std::min(poll_timer_.due(), inventory_timer_.due())));
    const auto asked = wakeups_.take();
    if (asked.stop) return End::asked_for;
    if (is_upgraded()) return End::upgraded;
    if (asked.inventory) inventory_timer_.pull(Clock::now());
    if (asked.poll) poll_timer_.pull(Clock::now());
    if (inventory_timer_.is_due(Clock::now())) report_inventory();
    if (poll_timer_.is_due(Clock::now())) poll();
  }
}

bool Daemon::is_upgraded() const {
  return program_ != nullptr && program_->is_replaced();
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
  PB_TRY(const auto provides, read_provides(session_.device));
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
  auto offer = deployer_.ask();
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

void Daemon::carry_out(const fleet::Offer& offer) {
  const auto record = deployer_.carry_out(offer);
  if (!record) {
    log_.error("the deployment " + printable(offer.id) + " waits: " + record.error().message());
    poll_timer_.failed(Clock::now(), std::nullopt);
    return;
  }
  poll_timer_.worked();
  static_cast<void>(deliver(*record));
}

bool Daemon::settle() {
  const auto record = deployer_.on_record();
  if (!record) {
    log_.error(record.error().message());
    return false;
  }
  if (!*record) return true;
  const auto ended = deployer_.go_on(**record);
  if (ended) return deliver(*ended);
  log_.error("the deployment " + printable((*record)->id) +
             " does not go on: " + ended.error().message());
  poll_timer_.failed(Clock::now(), std::nullopt);
  return false;
}

bool Daemon::deliver(const DeploymentRecord& record) {
  const auto told = deployer_.tell_end(record);
  const Status& all = told.end ? told.log : told.end;
  if (!all) {
    log_.warning("the end of the deployment " + printable(record.id) +
                 (told.end ? " was reported, but not its log: " : " was not reported: ") +
                 all.error().message());
  }
  if (!is_over(all)) {
    const bool comes_again = poll_timer_.failed(Clock::now(), server_.wait_asked());
    // The server knows how it has ended: a log is not worth all deployments after it.
    if (comes_again || !told.end) return false;
  }
  poll_timer_.worked();
  inventory_timer_.pull(Clock::now());
  const auto forgotten = deployer_.forget();
  if (!forgotten) log_.warning(forgotten.error().message() + "; it will be reported once more");
  return forgotten.has_value();
}

}  // namespace patchbay::app
