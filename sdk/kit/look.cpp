#include "sdk/kit/look.hpp"

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/artifact/sha256.hpp"
#include "core/base/bytes.hpp"
#include "core/host/plugin_file.hpp"
#include "core/os/file.hpp"

namespace patchbay::kit {
namespace {

using nlohmann::json;

constexpr std::size_t kLargestModule = 256 * kMiB;
constexpr std::size_t kShownDigest = 12;

/// What a module says of itself; an empty object when it says nothing.
json description_of(const host::ModuleFile& file) {
  std::string text;
  if (file.binding == host::Binding::plugin) {
    const auto plugin = host::open_plugin(file.path, {});
    if (!plugin) return json{{"problem", plugin.error().message()}};
    text = host::describe_plugin(plugin->facts, file.type);
  } else {
    host::ModuleSettings settings;
    settings.environment = {"PATH=/usr/bin:/bin"};
    settings.timeout = std::chrono::seconds{5};
    NullLog log;
    const auto scratch = std::filesystem::temp_directory_path().string();
    const auto module = host::bind_module(file, scratch, settings, log, nullptr);
    if (module) text = (*module)->ask(host::Call::describe).value_or("");
  }
  auto object = json::parse(text, nullptr, false);
  return object.is_object() ? object : json::object();
}

/// Empty when the file cannot be read.
std::string digest_of(const std::string& path) {
  const auto content = os::read_file(path, kLargestModule);
  const auto digest = content ? artifact::sha256(as_bytes(*content)) : content.error();
  return digest ? to_hex(*digest) : "";
}

json to_object(const host::ListedModule& module) {
  return {{"type", module.file.type},
          {"path", module.file.path},
          {"binding", module.file.binding == host::Binding::plugin ? "plugin" : "executable"},
          {"shadowed", module.shadowed},
          {"sha256", digest_of(module.file.path)},
          {"describe", description_of(module.file)}};
}

std::string to_line(const json& module) {
  const json& described = module["describe"];
  std::string line = module["type"].get<std::string>() + "  " +
                     module["binding"].get<std::string>() + "  " +
                     module["path"].get<std::string>();
  if (described.contains("version")) line += "  " + described["version"].dump();
  if (described.contains("description")) line += "  " + described["description"].dump();
  if (described.contains("problem")) line += "  " + described["problem"].dump();
  const auto digest = module["sha256"].get<std::string>();
  if (!digest.empty()) line += "  sha256:" + digest.substr(0, kShownDigest);
  return line + (module["shadowed"] == true ? "  (shadowed)" : "") + "\n";
}

}  // namespace

int list_modules(std::vector<std::string> directories, ReportFormat format) {
  if (directories.empty()) {
    directories = {"/var/lib/patchbay/modules/v3", "/usr/lib/patchbay/modules/v3",
                   "/usr/share/mender/modules/v3"};
  }
  json modules = json::array();
  for (const auto& module : host::list_modules(directories))
    modules.push_back(to_object(module));
  if (format == ReportFormat::json) {
    std::cout << modules.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
    return 0;
  }
  for (const json& module : modules)
    std::cout << to_line(module);
  return 0;
}

Status describe_module(const CheckOptions& options) {
  PB_TRY(const Subject subject, make_subject(options));
  const auto described = description_of(subject.file);
  if (described.contains("problem"))
    return Error{ErrorCode::unsupported, described["problem"].get<std::string>()};
  std::cout << described.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  return Done{};
}

}  // namespace patchbay::kit
