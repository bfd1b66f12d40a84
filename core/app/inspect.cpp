#include <nlohmann/json.hpp>

#include "core/app/commands.hpp"
#include "core/app/deployment_log.hpp"
#include "core/app/named_files.hpp"
#include "core/app/print.hpp"
#include "core/fleet/deployment_record.hpp"
#include "core/flow/journal.hpp"
#include "core/store/provides.hpp"

/// Commands that look and change nothing.
namespace patchbay::app {
namespace {

using nlohmann::json;

/// The first look at a new device may find a bootstrap artifact; whoever may not write sees the
/// device as it is.
Status bootstrap_if_possible(const Session& session) {
  if (!os::exists(os::join(session.device.datastore(), "bootstrap.mender"))) return Done{};
  auto lock = session.device.lock(session.options.command);
  if (!lock) return Done{};
  PB_TRY(store::Store store, session.device.open_store(store::Access::read_write));
  return apply_bootstrap(session, store);
}

Result<store::Installed> read_installed(const Session& session) {
  PB_CHECK(bootstrap_if_possible(session));
  PB_TRY(const store::Store store, session.device.open_store(store::Access::read_only));
  return store::read_installed(store, session.device.settings().image_artifact_name);
}

std::string state_in_words(const flow::Journal& journal,
                           const std::optional<std::string>& at_work) {
  if (!journal.stopped && at_work) {
    return "in " + std::string{flow::row(journal.state).name} + " right now, by " + *at_work;
  }
  if (!journal.stopped) {
    return "interrupted in " + std::string{flow::row(journal.state).name} +
           "; the next command finishes it";
  }
  if (journal.state == flow::State::commit_enter && !journal.failed) {
    return "installed, waiting for commit or rollback";
  }
  return "stopped before " + std::string{flow::row(journal.state).stop};
}

std::string payload_in_words(const flow::Journal& journal, const flow::PayloadRecord& payload) {
  if (!payload.begun) return "not begun";
  const bool waits = journal.state == flow::State::commit_enter && !journal.failed;
  return waits ? "installed" : "installed or being installed";
}

json pending_json(const flow::Journal& journal, const std::optional<std::string>& at_work) {
  json out{{"artifact_name", journal.artifact_name},
           {"state", flow::row(journal.state).name},
           {"waiting", journal.stopped},
           {"at_work", nullptr},
           {"failed", journal.failed},
           {"payloads", json::array()}};
  if (at_work) out["at_work"] = *at_work;
  for (const flow::PayloadRecord& payload : journal.payloads) {
    out["payloads"].push_back({{"type", payload.type},
                               {"install_begun", payload.begun},
                               {"reboot", host::to_string(payload.reboot)}});
  }
  return out;
}

struct DeviceStatus {
  std::string device_type;  ///< empty: not known, so no artifact fits
  store::Installed installed;
  std::optional<flow::Journal> pending;
  std::optional<std::string> at_work;  ///< the command that has the pending update in hand
  json last;                           ///< null when no update has ended yet
  std::optional<std::string> log;      ///< path of the log of the pending update, or of the last
  std::optional<fleet::DeploymentRecord> deployment;  ///< that the server has not heard the end of
};

/// The text under `name`; whoever wrote the store, a wrong type is no reason to fail.
std::string text_of(const json& object, const char* name) {
  const bool is_object = object.is_object();
  const auto found = is_object ? object.find(name) : object.end();
  const bool is_text = is_object && found != object.end() && found->is_string();
  return is_text ? printable(found->get_ref<const std::string&>()) : std::string{};
}

Result<DeviceStatus> read_status(const Session& session) {
  PB_CHECK(bootstrap_if_possible(session));
  DeviceStatus status;
  status.device_type = session.device.settings().device_type;
  status.at_work = session.device.at_work();
  PB_TRY(const store::Store store, session.device.open_store(store::Access::read_only));
  PB_TRY(status.installed,
         store::read_installed(store, session.device.settings().image_artifact_name));
  PB_TRY(status.pending, flow::read_journal(store));
  // A command may have begun after the first look, and written what was just read.
  if (!status.at_work) status.at_work = session.device.at_work();
  PB_TRY(const auto last, store.read(store::kLastUpdate));
  if (last) status.last = json::parse(*last, nullptr, false);
  if (status.last.is_discarded()) status.last = nullptr;
  status.log = find_deployment_log(
      session.device.log_directory(),
      status.pending ? log_id(status.pending->deployment, status.pending->started)
                     : log_id(text_of(status.last, "deployment"), text_of(status.last, "started")));
  PB_TRY(status.deployment, fleet::read_deployment(store));
  return status;
}

void print_last_update(const json& last) {
  print("Last update: " + text_of(last, "artifact_name") + ", " + text_of(last, "end") + ", " +
        text_of(last, "ended"));
  const auto payloads = last.find("payloads");
  if (payloads != last.end() && payloads->is_array()) {
    for (std::size_t i = 0; i < payloads->size(); ++i) {
      const json& payload = (*payloads)[i];
      if (!payload.is_object()) continue;
      print("  payload " + std::to_string(i) + ": " + text_of(payload, "type") + ", " +
            text_of(payload, "result"));
    }
  }
  const std::string cause = text_of(last, "error");
  if (!cause.empty()) print("  cause: " + cause);
}

std::string in_words(const fleet::DeploymentRecord& deployment) {
  const bool is_open = deployment.result == fleet::DeploymentRecord::Result::open;
  return printable(deployment.id) + (is_open ? ", under way"
                                             : ", ended, the server has not heard of its " +
                                                   std::string{to_string(deployment.result)});
}

void print_status(const DeviceStatus& status) {
  print("Device type: " + (status.device_type.empty() ? "none" : printable(status.device_type)));
  print("Installed:   " + printable(status.installed.name));
  if (status.installed.group) print("Group:       " + printable(*status.installed.group));
  for (const auto& [key, value] : status.installed.provides) {
    print("  " + printable(key) + " = " + printable(value));
  }
  if (status.pending) {
    print("Pending:     " + printable(status.pending->artifact_name) + ", " +
          state_in_words(*status.pending, status.at_work));
    for (std::size_t i = 0; i < status.pending->payloads.size(); ++i) {
      const flow::PayloadRecord& payload = status.pending->payloads[i];
      print("  payload " + std::to_string(i) + ": " + printable(payload.type) + ", " +
            payload_in_words(*status.pending, payload));
    }
  } else {
    print("Pending:     nothing");
  }
  if (status.last.is_object()) print_last_update(status.last);
  if (status.deployment) print("Deployment:  " + in_words(*status.deployment));
  if (status.log) print("Log:         " + printable(*status.log));
}

json status_json(const DeviceStatus& status) {
  json out{{"device_type", status.device_type.empty() ? json(nullptr) : json(status.device_type)},
           {"artifact_name", status.installed.name},
           {"provides", store::all_provides(status.installed)},
           {"pending", nullptr},
           {"last_update", status.last},
           {"log", nullptr},
           {"deployment", nullptr}};
  if (status.log) out["log"] = *status.log;
  if (status.deployment) {
    out["deployment"] = {{"id", status.deployment->id},
                         {"result", fleet::to_string(status.deployment->result)}};
  }
  if (status.pending) out["pending"] = pending_json(*status.pending, status.at_work);
  return out;
}

Status check(const Result<Config>& config, std::vector<std::string>& warnings) {
  if (!config) return config.error();
  PB_TRY(const auto doubts, check_named_files(*config));
  warnings.insert(warnings.end(), doubts.begin(), doubts.end());
  return Done{};
}

}  // namespace

int show_artifact(const Session& session) {
  const auto installed = read_installed(session);
  if (!installed) return session.presenter.failed(installed.error());
  if (session.options.json) {
    print_json({{"artifact_name", installed->name}});
  } else {
    print(installed->name);
  }
  return exit_code::kDone;
}

int show_provides(const Session& session) {
  const auto installed = read_installed(session);
  if (!installed) return session.presenter.failed(installed.error());
  const store::Provides provides = store::all_provides(*installed);
  if (session.options.json) {
    print_json(provides);
    return exit_code::kDone;
  }
  for (const auto& [key, value] : provides)
    print(key + "=" + value);
  return exit_code::kDone;
}

int status(const Session& session) {
  const auto status = read_status(session);
  if (!status) return session.presenter.failed(status.error());
  if (session.options.json) {
    print_json(status_json(*status));
  } else {
    print_status(*status);
  }
  return exit_code::kDone;
}

int show_config(const Session& session) {
  const auto rows = config_rows(session.device.config());
  if (session.options.json) {
    json out = json::object();
    for (const ConfigRow& row : rows)
      out[row.key] = {{"value", row.value}, {"from", row.origin}};
    print_json(out);
    return exit_code::kDone;
  }
  for (const ConfigRow& row : rows)
    print(row.key + " = " + row.value + "  (" + row.origin + ")");
  return exit_code::kDone;
}

int check_config(const Options& options) {
  const auto config = load_config(config_paths(options));
  std::vector<std::string> warnings = config ? config->warnings : std::vector<std::string>{};
  const auto checked = check(config, warnings);
  if (options.json) {
    json out{{"ok", checked.has_value()}, {"warnings", warnings}};
    if (!checked) out["error"] = checked.error().message();
    print_json(out);
  } else {
    for (const std::string& warning : warnings)
      print("warning: " + warning);
    print(checked ? "The configuration is in order." : "error: " + checked.error().message());
  }
  return checked ? exit_code::kDone : exit_code::kFailed;
}

}  // namespace patchbay::app
