#include <csignal>

#include <charconv>
#include <memory>
#include <stop_token>

#include "core/app/daemon.hpp"
#include "core/app/logging.hpp"
#include "core/control/add_ons.hpp"
#include "core/fleet/device_key.hpp"
#include "core/fleet/identity.hpp"

/// Commands that need a server, or the daemon that talks to one.
namespace patchbay::app {
namespace {

std::string daemon_lock_file(const Session& session) {
  return os::join(session.device.datastore(), "patchbay-daemon.lock");
}

Result<artifact::RequestKey> load_key(const Session& session) {
  PB_CHECK(os::make_directories(session.device.datastore(), 0700));
  return fleet::load_device_key(session.device.key_settings(session.options), session.log);
}

Result<std::unique_ptr<fleet::ServerSettings>> renewed_settings(const Session& session,
                                                                const std::stop_token& stop);

/// `device` is the session's, as it was or as it is now.
std::unique_ptr<fleet::ServerSettings> server_settings(const Session& session, const Device& device,
                                                       const std::stop_token& stop) {
  const Config& config = device.config();
  auto settings = std::make_unique<fleet::ServerSettings>();
  settings->urls = config.servers;
  settings->tenant_token = config.tenant_token;
  settings->tier = config.device_tier;
  settings->transport = [options = device.transfer_options(), stop](const fetch::Call& call) {
    return fetch::call(call, options, stop);
  };
  settings->identity = [identity = fleet::IdentitySettings{
                            os::join(data_directory(), "identity/mender-device-identity"),
                            device.settings().module.environment}] {
    return fleet::read_identity(identity);
  };
  settings->renewed = [&session, stop] {
    return renewed_settings(session, stop).context("the daemon could not start any more");
  };
  return settings;
}

Result<std::unique_ptr<fleet::ServerSettings>> renewed_settings(const Session& session,
                                                                const std::stop_token& stop) {
  const Options& options = session.options;
  NullLog unheard;  // what it warns of, that start will
  PB_TRY(const Device device, Device::open(options, unheard));
  PB_CHECK(device.check_for_daemon(options));
  auto settings = server_settings(session, device, stop);
  if (fleet::is_read_once(options.pass_phrase_file)) return settings;
  PB_TRY(auto key, fleet::load_known_device_key(device.key_settings(options), unheard));
  settings->key = std::make_shared<artifact::RequestKey>(std::move(key));
  return settings;
}

/// A new device may bring a bootstrap artifact that says what it is.
Status bootstrap(const Session& session) {
  PB_TRY(const os::FileLock lock, session.device.lock(session.options.command));
  PB_TRY(store::Store store, session.device.open_store(store::Access::read_write));
  return apply_bootstrap(session, store);
}

/// What the daemon cannot be without.
Result<artifact::RequestKey> prepare(const Session& session) {
  if (session.device.fault()) return *session.device.fault();
  PB_CHECK(session.device.check_for_daemon(session.options));
  return load_key(session);
}

/// The daemon on this device, and who is asked to wake it.
Result<os::FileLock> lock_daemon(const Session& session) {
  auto lock = os::FileLock::acquire(daemon_lock_file(session), std::to_string(::getpid()));
  if (lock || lock.error().code() != ErrorCode::conflict) return lock;
  const auto holder = os::FileLock::holder(daemon_lock_file(session)).value_or(std::nullopt);
  return Error{ErrorCode::conflict, "a daemon is running on the data in " +
                                        session.device.datastore() + " already: process " +
                                        holder.value_or("unknown")};
}

/// Unless another daemon, with a configuration of its own, looks after it.
void undo_deployment_alone(const Session& session, const Error& why) {
  const auto only_one = lock_daemon(session);
  if (only_one) undo_deployment(session, why);
}

/// With `program` in hand, as it may be replaced meanwhile.
Result<Daemon::End> run_as(const Session& session, const os::ProgramFile& program) {
  // Before the lock says who can be woken: the signals for that would end the process.
  PB_TRY(Wakeups wakeups, Wakeups::create());
  auto key = prepare(session);
  if (!key) {
    undo_deployment_alone(session, key.error());
    return std::move(key).error();
  }
  if (session.device.config().skip_verify || session.options.skip_verify) {
    session.log.warning("certificates of servers are not checked (SkipVerify)");
  }
  PB_TRY(const os::FileLock only_one, lock_daemon(session));
  if (const auto status = bootstrap(session); !status)
    session.log.warning(status.error().message());
  std::stop_source ending;
  auto settings = server_settings(session, session.device, ending.get_token());
  settings->key = std::make_shared<artifact::RequestKey>(*std::move(key));
  fleet::Server server{std::move(settings), session.log};
  const auto add_ons =
      control::AddOns::start(server, session.device.transfer_options(), session.log);
  if (!add_ons) session.log.info("no add-ons: " + add_ons.error().message());
  const bool can_start_again = !fleet::is_read_once(session.options.pass_phrase_file);
  const auto end = Daemon{session, server, wakeups, can_start_again ? &program : nullptr}.run();
  ending.request_stop();  // of a login that an add-on has asked for
  return end;
}

/// The number of the running daemon's process.
Result<pid_t> running_daemon(const Session& session) {
  PB_TRY(const auto holder, os::FileLock::holder(daemon_lock_file(session)));
  pid_t pid = 0;
  if (holder) std::from_chars(holder->data(), holder->data() + holder->size(), pid);
  if (pid > 0) return pid;
  return Error{ErrorCode::not_found,
               "no daemon is running on the data in " + session.device.datastore() +
                   "; start it with 'patchbay daemon', or as the service patchbay-daemon"};
}

int wake_daemon(const Session& session, int signal, const std::string& to_do) {
  const auto pid = running_daemon(session);
  if (!pid) return session.presenter.failed(pid.error());
  const std::string daemon = "the daemon, process " + std::to_string(*pid);
  if (::kill(*pid, signal) == 0)
    return session.presenter.done("Asked " + daemon + ", to " + to_do + ".");
  return session.presenter.failed(Error::from_errno(errno, "wake " + daemon));
}

}  // namespace

/// An upgrade of the client, be it the deployment that this daemon has carried out, goes on as the
/// new program: nothing is kept but what a power cut would leave, too.
Status run_daemon(const Session& session) {
  PB_TRY(const os::ProgramFile program, os::ProgramFile::current());
  PB_TRY(const Daemon::End end, run_as(session, program));
  if (end == Daemon::End::asked_for) return Done{};
  session.log.info("this program was upgraded: going on as the new one");
  return program.start();
}

int daemon(const Session& session) {
  Options options = session.options;
  const auto level = session.device.config().daemon_log_level.value_or(LogLevel::info);
  options.log_level = options.log_level.value_or(level);
  const auto log = make_log(options);
  if (!log) return session.presenter.failed(log.error());
  const auto status = run_daemon(Session{options, session.device, **log, session.presenter});
  return status ? exit_code::kDone : session.presenter.failed(status.error());
}

int check_update(const Session& session) {
  return wake_daemon(session, SIGUSR1, "look for a deployment");
}

int send_inventory(const Session& session) {
  return wake_daemon(session, SIGUSR2, "report the inventory");
}

int make_key(const Session& session) {
  const auto key = load_key(session);
  return key ? exit_code::kDone : session.presenter.failed(key.error());
}

}  // namespace patchbay::app
