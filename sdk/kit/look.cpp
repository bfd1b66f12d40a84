#include "sdk/kit/look.hpp"

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/artifact/sha256.hpp"
#include "core/base/bytes.hpp"
#include "core/host/plugin_file.hpp"
#include "core/os/file.hpp"
#include "sdk/kit/description.hpp"

namespace patchbay::kit {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kLargestModule = 256 * kMiB;
constexpr std::size_t kShownDigest = 12;
constexpr std::chrono::seconds kDescribeLimit{5};

Result<std::string> ask_plugin(const host::ModuleFile& file) {
  PB_TRY(const auto plugin, host::open_plugin(file.path, {}));
  PB_CHECK(host::check_plugin_facts(plugin.facts, file.type).context("plugin " + file.path));
  return host::describe_plugin(plugin.facts, file.type);
}

Result<std::string> ask_program(const host::ModuleFile& file) {
  host::ModuleSettings settings;
  settings.environment = {kProgramPath};
  settings.timeout = kDescribeLimit;
  NullLog log;
  const auto scratch = fs::temp_directory_path().string();
  PB_TRY(const auto module, host::bind_module(file, scratch, settings, log, nullptr));
  return module->ask(host::Call::describe);
}

/// What a module says of itself; an empty object when it says nothing.
Result<json> description_of(const host::ModuleFile& file) {
  const bool plugin = file.binding == host::Binding::plugin;
  PB_TRY(const auto text, plugin ? ask_plugin(file) : ask_program(file));
  if (text.empty()) return json::object();
  if (const auto problem = read_description(text).problem; !problem.empty())
    return Error{ErrorCode::module_failed, file.type + ": Describe: " + problem};
  return json::parse(text);
}

/// Empty when the file cannot be read.
std::string digest_of(const std::string& path) {
  const auto content = os::read_file(path, kLargestModule);
  const auto digest = content ? artifact::sha256(as_bytes(*content)) : content.error();
  return digest ? to_hex(*digest) : "";
}

/// Why a device would not use what lies there; empty when it would.
std::string refusal_of(const host::ListedModule& module,
                       const std::vector<std::string>& directories) {
  if (module.shadowed) return {};
  const auto found = host::find_module(module.file.type, directories);
  return found ? "" : found.error().message();
}

json to_object(const host::ListedModule& module, const std::vector<std::string>& directories) {
  json object{{"type", module.file.type},
              {"path", module.file.path},
              {"binding", module.file.binding == host::Binding::plugin ? "plugin" : "executable"},
              {"shadowed", module.shadowed},
              {"sha256", digest_of(module.file.path)},
              {"describe", json::object()},
              {"problem", refusal_of(module, directories)}};
  // What others can write is not even started.
  if (!object["problem"].get<std::string>().empty()) return object;
  if (auto described = description_of(module.file)) {
    object["describe"] = *std::move(described);
  } else {
    object["problem"] = described.error().message();
  }
  return object;
}

/// What a file lacks to be a module; empty when it has all, and when it does not look like one.
std::string lack_of(const std::string& path) {
  std::error_code failed;
  if (fs::is_symlink(path, failed) && !fs::exists(path, failed))
    return path + " is a symbolic link that leads nowhere";
  const bool ends_as_plugin = path.ends_with(".so");
  if (ends_as_plugin || !fs::is_regular_file(path, failed) || ::access(path.c_str(), X_OK) == 0)
    return {};
  const auto content = os::read_file(path, kLargestModule).value_or("");
  constexpr std::string_view kProgram =
      "\x7f"
      "ELF";
  if (!content.starts_with("#!") && !content.starts_with(kProgram)) return {};
  return path + " is not executable: chmod 755 it";
}

/// Files that would be modules but for what they lack.
json nearly_modules_in(const std::string& directory) {
  json found = json::array();
  for (const auto& name : os::list_directory(directory).value_or({})) {
    const auto path = os::join(directory, name);
    const auto lack = lack_of(path);
    if (lack.empty()) continue;
    found.push_back({{"type", name},
                     {"path", path},
                     {"binding", "executable"},
                     {"shadowed", false},
                     {"sha256", digest_of(path)},
                     {"describe", json::object()},
                     {"problem", lack}});
  }
  return found;
}

std::string to_line(const json& module) {
  const json& described = module["describe"];
  std::string line = module["type"].get<std::string>() + "  " +
                     module["binding"].get<std::string>() + "  " +
                     module["path"].get<std::string>();
  if (described.contains("version")) line += "  " + described["version"].dump();
  if (described.contains("description")) line += "  " + described["description"].dump();
  const auto digest = module["sha256"].get<std::string>();
  if (!digest.empty()) line += "  sha256:" + digest.substr(0, kShownDigest);
  if (module["shadowed"] == true) line += "  (shadowed)";
  const auto problem = module["problem"].get<std::string>();
  return line + (problem.empty() ? "" : "\n  problem: " + problem) + "\n";
}

json modules_in(const std::vector<std::string>& directories) {
  json modules = json::array();
  for (const auto& module : host::list_modules(directories))
    modules.push_back(to_object(module, directories));
  for (const auto& directory : directories) {
    for (auto& module : nearly_modules_in(directory))
      modules.push_back(std::move(module));
  }
  return modules;
}

}  // namespace

Status list_modules(std::vector<std::string> directories, ReportFormat format) {
  for (auto& directory : directories) {
    PB_CHECK(os::list_directory(directory));
    directory = fs::absolute(directory).lexically_normal().string();  // modules run elsewhere
  }
  if (directories.empty()) {
    directories = {"/var/lib/patchbay/modules/v3", "/usr/lib/patchbay/modules/v3",
                   "/usr/share/mender/modules/v3"};
  }
  const json modules = modules_in(directories);
  if (format == ReportFormat::json) {
    std::cout << modules.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
    return Done{};
  }
  for (const json& module : modules)
    std::cout << to_line(module);
  return Done{};
}

Status describe_module(const CheckOptions& options) {
  PB_TRY(const Subject subject, make_subject(options));
  PB_TRY(const auto described, description_of(subject.file));
  std::cout << described.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  return Done{};
}

}  // namespace patchbay::kit
