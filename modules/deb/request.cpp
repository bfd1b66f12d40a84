#include "modules/deb/request.hpp"

#define JSON_NO_IO 1
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "modules/deb/tools.hpp"
#include "patchbay/meta_data.hpp"

namespace patchbay::deb {
namespace {

using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

constexpr std::array<std::string_view, 7> kKeys{
    "install", "conffiles", "repositories", "allow-removals", "allow-held", "reboot", "restart"};
/// 1 PiB: sums of it do not overflow.
constexpr std::uint64_t kLargestKib = std::uint64_t{1} << 40U;

Status read_flag(const json& object, const char* key, bool& flag) {
  const auto found = object.find(key);
  if (found == object.end()) return module::Done{};
  if (!found->is_boolean()) {
    return Error{"meta-data: '" + std::string{key} + "' must be true or false"};
  }
  flag = found->get<bool>();
  return module::Done{};
}

template <typename Choice>
Status read_choice(const json& object, const char* key,
                   const std::map<std::string, Choice>& choices, Choice& choice) {
  const auto found = object.find(key);
  if (found == object.end()) return module::Done{};
  const auto* text = found->get_ptr<const json::string_t*>();
  const auto chosen = text != nullptr ? choices.find(*text) : choices.end();
  if (chosen != choices.end()) {
    choice = chosen->second;
    return module::Done{};
  }
  std::string known;
  for (const auto& [name, value] : choices)
    known += (known.empty() ? "" : ", ") + name;
  return Error{"meta-data: '" + std::string{key} + "' is " + found->dump() +
               ", but can be one of " + known};
}

bool is_package_name(const std::string& name) {
  return name.size() >= 2 &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
                              c == '-' || c == '.';
                     }) &&
         name.front() != '-' && name.front() != '.' && name.front() != '+';
}

Status read_names(const json& object, const char* key, std::vector<std::string>& names) {
  const auto found = object.find(key);
  if (found == object.end()) return module::Done{};
  if (!found->is_array()) return Error{"meta-data: '" + std::string{key} + "' must be a list"};
  for (const json& entry : *found) {
    const auto* name = entry.get_ptr<const json::string_t*>();
    if (name == nullptr || !is_package_name(*name)) {
      return Error{"meta-data: '" + std::string{key} + "' holds " + entry.dump() +
                   ", which is no name of a package"};
    }
    names.push_back(*name);
  }
  return module::Done{};
}

bool is_unit_name(const std::string& name) {
  constexpr const char* kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.@-\\";
  return !name.empty() && name.front() != '-' &&
         name.find_first_not_of(kAllowed) == std::string::npos;
}

/// One of two words, or a list of units.
Status read_restart(const json& object, Request& request) {
  constexpr const char* kKey = "restart";
  const auto found = object.find(kKey);
  if (found == object.end() || !found->is_array()) {
    return read_choice<Request::Restart>(
        object, kKey,
        {{"packages", Request::Restart::packages}, {"never", Request::Restart::never}},
        request.restart);
  }
  for (const json& entry : *found) {
    const auto* name = entry.get_ptr<const json::string_t*>();
    if (name == nullptr || !is_unit_name(*name)) {
      return Error{"meta-data: 'restart' holds " + entry.dump() + ", which is no name of a unit"};
    }
    request.restart_units.push_back(*name);
  }
  return module::Done{};
}

Result<Package> read_package(const module::PayloadFile& file) {
  PATCHBAY_TRY(const auto control, output_of("dpkg-deb", {"--field", file.path}));
  Package package;
  package.name = field_of(control, "Package");
  package.version = field_of(control, "Version");
  package.architecture = field_of(control, "Architecture");
  package.control = control;
  package.file = file.path;
  package.size = file.size;
  package.installed_kib = std::strtoull(field_of(control, "Installed-Size").c_str(), nullptr, 10);
  if (!is_package_name(package.name) || package.version.empty()) {
    return Error{"it names no package or no version"};
  }
  if (package.installed_kib > kLargestKib) {
    return Error{package.name + " says that it takes " + field_of(control, "Installed-Size") +
                 " KiB (Installed-Size), which cannot be meant"};
  }
  return package;
}

/// Which one should be installed, nobody could say.
Status refuse_two_versions(const std::vector<Package>& packages, const Request& request) {
  for (std::size_t i = 0; i < packages.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const Package& one = packages[j];
      const Package& other = packages[i];
      if (one.name != other.name || one.architecture != other.architecture) continue;
      if (!is_wanted(one, request)) continue;
      return Error{"the payload has " + one.name + " twice, " + one.version + " and " +
                   other.version};
    }
  }
  return module::Done{};
}

Status check_architecture(const Package& package, const std::vector<std::string>& known) {
  if (package.architecture == "all") return module::Done{};
  if (std::find(known.begin(), known.end(), package.architecture) != known.end()) {
    return module::Done{};
  }
  return Error{package.name + " is for the architecture " + package.architecture +
               ", this system is " + known.front()};
}

}  // namespace

Result<Request> parse_request(const std::string& meta_data) {
  const auto root = json::parse(meta_data, nullptr, false);
  if (root.is_discarded()) return Error{"meta-data is not JSON"};
  Request request;
  if (!root.is_object()) return request;
  std::vector<std::string> keys;
  for (const auto& [key, value] : root.items())
    keys.push_back(key);
  PATCHBAY_CHECK(module::refuse_misspelt_keys(keys, kKeys));
  PATCHBAY_CHECK(read_names(root, "install", request.install));
  PATCHBAY_CHECK(read_choice<Request::Conffiles>(
      root, "conffiles", {{"keep", Request::Conffiles::keep}, {"new", Request::Conffiles::fresh}},
      request.conffiles));
  PATCHBAY_CHECK(read_choice<Request::Reboot>(root, "reboot",
                                              {{"when-needed", Request::Reboot::when_needed},
                                               {"never", Request::Reboot::never},
                                               {"always", Request::Reboot::always}},
                                              request.reboot));
  PATCHBAY_CHECK(read_restart(root, request));
  PATCHBAY_CHECK(read_flag(root, "allow-removals", request.allow_removals));
  PATCHBAY_CHECK(read_flag(root, "allow-held", request.allow_held));
  PATCHBAY_CHECK(read_flag(root, "repositories", request.repositories));
  return request;
}

std::string field_of(const std::string& control, const std::string& field) {
  const std::string key = field + ":";
  for (const std::string& line : lines_of(control)) {
    if (!line.starts_with(key)) continue;
    const auto begin = line.find_first_not_of(" \t", key.size());
    return begin == std::string::npos ? std::string{} : line.substr(begin);
  }
  return {};
}

bool is_wanted(const Package& package, const Request& request) {
  const auto& names = request.install;
  return names.empty() || std::find(names.begin(), names.end(), package.name) != names.end();
}

Result<std::vector<Package>> read_packages(const module::Context& context, const Request& request) {
  PATCHBAY_TRY(const auto files, context.payload_files());
  if (files.empty()) return Error{"the payload has no file; it must have at least one .deb"};
  PATCHBAY_TRY(const auto native, output_of("dpkg", {"--print-architecture"}));
  PATCHBAY_TRY(const auto foreign, output_of("dpkg", {"--print-foreign-architectures"}));
  const std::vector<std::string> known = lines_of(native + foreign);
  std::vector<Package> packages;
  for (const auto& file : files) {
    PATCHBAY_TRY(auto package, read_package(file).context(file.name + " is no Debian package"));
    PATCHBAY_CHECK(check_architecture(package, known).context(file.name));
    packages.push_back(std::move(package));
  }
  PATCHBAY_CHECK(refuse_two_versions(packages, request));
  for (const std::string& name : request.install) {
    const bool there = std::any_of(packages.begin(), packages.end(),
                                   [&](const Package& package) { return package.name == name; });
    if (!there) return Error{"meta-data asks for " + name + ", which is not in the payload"};
  }
  return packages;
}

}  // namespace patchbay::deb
