#include "core/app/deployer.hpp"

#include <thread>

#include "core/app/provides.hpp"
#include "core/app/wakeups.hpp"
#include "core/app/workplace.hpp"
#include "core/base/clock.hpp"
#include "core/fleet/log_upload.hpp"

namespace patchbay::app {
namespace {

using fleet::DeploymentRecord;
using Ending = DeploymentRecord::Result;

constexpr std::size_t kMostLogFile = 4 * kMiB;

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

Status finish(const Session& session, DeploymentRecord& record, flow::Consent& consent) {
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

Result<std::optional<DeploymentRecord>> read_record(const Session& session) {
  PB_TRY(const auto store, session.device.open_store(store::Access::read_only));
  return fleet::read_deployment(store);
}

/// A record that nobody can read would keep the device from the end of its update, and from all
/// deployments after it. What is lost when nothing can be inferred is a deployment that had not
/// come to an update yet: its server offers it once more.
Result<std::optional<DeploymentRecord>> mend_record(const Session& session, const Error& damage) {
  const Wakeups::Busy busy;
  PB_TRY(const auto workplace, Workplace::open(session));
  store::Store& store = workplace->store();
  PB_TRY(const auto inferred, fleet::infer_deployment(store));
  PB_CHECK(inferred ? fleet::record_deployment(store, *inferred) : fleet::erase_deployment(store));
  session.log.error(
      damage.message() + "; " +
      (inferred ? "taken for the deployment " + printable(inferred->id) + ", of which the update is"
                : "set aside, as no update of a server is known"));
  return inferred;
}

/// The deployment on record, after its record was mended if need be.
Result<std::optional<DeploymentRecord>> sound_record(const Session& session) {
  auto record = read_record(session);
  const bool is_damaged = !record && record.error().code() == ErrorCode::invalid_input;
  return is_damaged ? mend_record(session, record.error()) : std::move(record);
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
  auto record = sound_record(session);
  if (!record || !*record || (*record)->result != Ending::open) return;
  const std::string name = "the deployment " + printable((*record)->id);
  session.log.error(name + " ends without a server: " + why.message());
  NoConsent consent{why};
  if (const auto status = finish(session, **record, consent); !status) {
    session.log.error(name + " does not go on: " + status.error().message());
  }
}

std::string who_is_first(const std::optional<flow::Journal>& pending) {
  if (!pending) return "somebody is at work on the device";
  return "the update to \"" + printable(pending->artifact_name) +
         "\", which was begun by hand, has not ended";
}

Deployer::Deployer(const Session& session, fleet::Server& server)
    : session_{session}, server_{server}, deployments_{server_} {
}

Result<std::optional<fleet::Offer>> Deployer::ask() {
  PB_TRY(asked_with_, read_provides(session_.device));
  return deployments_.next(asked_with_);
}

Result<std::string> Deployer::ask_for_link(const fleet::Offer& offer) {
  PB_TRY(const auto now, deployments_.next(asked_with_));
  if (!now) {
    return Error{ErrorCode::conflict, "the server does not offer this deployment any more"};
  }
  if (now->id == offer.id) return now->url;
  return Error{ErrorCode::conflict, "the server now offers another deployment, " +
                                        printable(now->id) + ", instead of this one"};
}

Result<DeploymentRecord> Deployer::carry_out(const fleet::Offer& offer) {
  DeploymentRecord record{offer.id, utc_now_milliseconds()};
  auto consent = consent_to(offer.id);
  const Wakeups::Busy busy;
  PB_TRY(const auto workplace, Workplace::open(session_, &consent));
  PB_TRY(const auto pending, workplace->updater().in_progress());
  if (pending) return Error{ErrorCode::conflict, who_is_first(pending)};
  PB_CHECK(fleet::record_deployment(workplace->store(), record));
  workplace->log().begin(log_id(record.id, record.started));
  const auto outcome = install(*workplace, offer, record);
  log_end(workplace->log(), record.id, outcome);
  PB_CHECK(end(*workplace, record, ending_of(outcome)));
  return record;
}

Result<flow::Outcome> Deployer::install(Workplace& workplace, const fleet::Offer& offer,
                                        const DeploymentRecord& record) {
  workplace.log().info("carrying out the deployment " + printable(offer.id));
  const auto told = deployments_.report(offer.id, fleet::Progress::downloading);
  if (!told && told.error().code() == ErrorCode::conflict) return Error{told.error()};
  if (!told) workplace.log().warning("going on without it: " + told.error().message());
  PB_TRY(const auto source, fetch::open_link(offer.url, session_.device.transfer_options(),
                                             workplace.log(), [&] { return ask_for_link(offer); }));
  PB_TRY(const artifact::ReaderOptions reader_options, session_.device.reader_options());
  PB_TRY(artifact::Reader reader, artifact::Reader::open(*source, reader_options));
  workplace.log().info("it brings the artifact \"" + printable(reader.header().name) + "\"");
  flow::InstallOptions options;
  options.mode = flow::Mode::unattended;
  options.started = record.started;
  options.deployment = record.id;
  return workplace.updater().install(reader, source->size(), options);
}

fleet::ServerConsent Deployer::consent_to(const std::string& deployment) {
  const Config& config = session_.device.config();
  return fleet::ServerConsent{
      {server_, deployments_, session_.log, [](auto time) { std::this_thread::sleep_for(time); }},
      deployment,
      fleet::Backoff{config.retry_poll_interval, config.retry_poll_count}};
}

Result<std::optional<DeploymentRecord>> Deployer::on_record() const {
  return sound_record(session_);
}

Result<DeploymentRecord> Deployer::go_on(DeploymentRecord record) {
  if (record.result != Ending::open) return record;
  auto consent = consent_to(record.id);
  PB_CHECK(finish(session_, record, consent));
  if (record.result != Ending::failure) return record;
  // What was undone may be what the device has begun with: its address, for example.
  if (const auto status = server_.renew(); !status) session_.log.warning(status.error().message());
  return record;
}

Deployer::Told Deployer::tell_end(const DeploymentRecord& record) {
  const bool succeeded = record.result == Ending::success;
  Told told;
  told.end = deployments_.report(record.id,
                                 succeeded ? fleet::Progress::success : fleet::Progress::failure);
  if (told.end && !succeeded) told.log = send_log(record);
  return told;
}

Status Deployer::send_log(const DeploymentRecord& record) {
  const auto path =
      find_deployment_log(session_.device.log_directory(), log_id(record.id, record.started));
  const auto text = path ? os::read_file(*path, kMostLogFile) : Result<std::string>{std::string{}};
  const std::string body = text ? fleet::log_upload(*text) : std::string{};
  return body.empty() ? Status{Done{}} : deployments_.send_log(record.id, body);
}

Status Deployer::forget() {
  PB_TRY(auto store, session_.device.open_store(store::Access::read_write));
  return fleet::erase_deployment(store);
}

}  // namespace patchbay::app
