#include "modules/mender-configure/apply.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <vector>

#define JSON_NO_IO 1
#include <nlohmann/json.hpp>

#include "patchbay/files.hpp"
#include "patchbay/run.hpp"

namespace patchbay::mender_configure {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr int kNeedsReboot = 20;
constexpr std::chrono::minutes kLimit{5};  // for one script

// Another root, for tests and images.
std::string below_root(const char* path) {
  const char* const root = std::getenv("PATCHBAY_CONFIGURE_ROOT");
  return (root == nullptr ? std::string{} : std::string{root}) + path;
}

std::string scripts_directory() {
  return below_root("/usr/lib/mender-configure/apply-device-config.d");
}

Result<std::vector<std::string>> find_scripts() {
  const auto directory = scripts_directory();
  std::vector<std::string> scripts;
  if (!module::exists(directory)) return scripts;
  PATCHBAY_TRY(const auto names, module::list_directory(directory));
  for (const auto& name : names) {
    auto path = module::join_path(directory, name);
    if (::access(path.c_str(), X_OK) == 0) scripts.push_back(std::move(path));
  }
  return scripts;
}

}  // namespace

std::string document_path() {
  return below_root("/var/lib/mender-configure/device-config.json");
}

Status require_scripts() {
  PATCHBAY_TRY(const auto scripts, find_scripts());
  if (!scripts.empty()) return Done{};
  return Error{"there is no script in " + scripts_directory() +
               " that could apply a configuration; install one"};
}

Result<Applied> apply(const std::string& document) {
  PATCHBAY_TRY(const auto scripts, find_scripts());
  auto applied = Applied::now;
  std::string failed;
  for (const auto& script : scripts) {
    const auto exit = module::run({.path = script, .arguments = {document}, .time_limit = kLimit});
    const bool reboot =
        exit && exit->kind == module::ProgramExit::Kind::code && exit->value == kNeedsReboot;
    if (reboot) applied = Applied::after_reboot;
    if (reboot || (exit && exit->success())) continue;
    failed += (failed.empty() ? "" : "; ") + module::base_name(script) + ": " +
              (exit ? exit->describe() : exit.error().message());
  }
  if (!failed.empty()) return Error{failed};
  return applied;
}

Status check_document(const std::string& text) {
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_object()) return Error{"meta-data is not a JSON object of settings"};
  for (const auto& [key, value] : document.items()) {
    if (key.empty()) return Error{"meta-data has a setting without a name"};
    if (!value.is_string())
      return Error{"meta-data: the setting '" + key + "' is " + value.dump() + ", and not a text"};
  }
  return Done{};
}

}  // namespace patchbay::mender_configure
