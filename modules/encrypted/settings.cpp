#include "modules/encrypted/settings.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

namespace patchbay::encrypted {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

constexpr std::size_t kLongest = 64 * 1024;

std::string configuration_directory() {
  const char* const value = std::getenv("MENDER_CONF_DIR");
  return value != nullptr && *value != '\0' ? value : "/etc/mender";
}

Settings defaults(const std::string& directory) {
  return {
      .file = module::join_path(directory, "encrypted.json"),
      .decrypt = {"age", "--decrypt", "--identity", module::join_path(directory, "device.agekey")},
      .modules = {"/var/lib/patchbay/modules/v3", "/usr/lib/patchbay/modules/v3",
                  "/usr/share/mender/modules/v3"}};
}

Result<std::vector<std::string>> texts_of(const json& value, const std::string& where) {
  const Error wrong{where + " has to be a list of texts that are not empty"};
  if (!value.is_array() || value.empty()) return wrong;
  std::vector<std::string> texts;
  for (const auto& text : value) {
    if (!text.is_string() || text.get<std::string>().empty()) return wrong;
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

Status take(Settings& settings, const json& document) {
  if (!document.is_object()) return Error{settings.file + " is not a JSON object"};
  for (const auto& [key, value] : document.items()) {
    const auto where = settings.file + ": " + key;
    if (key == "Decrypt") {
      PATCHBAY_TRY(settings.decrypt, texts_of(value, where));
    } else if (key == "Modules") {
      PATCHBAY_TRY(settings.modules, texts_of(value, where));
    } else {
      return Error{settings.file + ": there is no key '" + key + "'"};
    }
  }
  return Done{};
}

/// The file that an argument of age names as the identity.
std::optional<std::string> identity_of(const std::vector<std::string>& arguments) {
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto& argument = arguments[i];
    const bool names_it = argument == "--identity" || argument == "-identity" || argument == "-i";
    if (names_it && i + 1 < arguments.size()) return arguments[i + 1];
    if (argument.starts_with("--identity=")) return argument.substr(argument.find('=') + 1);
  }
  return std::nullopt;
}

Status check_identity(const std::string& path, const std::string& file) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    const auto missing = Error::from_errno(errno, "the identity " + path);
    if (errno != ENOENT) return missing;
    return Error{missing.message() + "; make one with: age-keygen -o " + path +
                 ", or name another in " + file};
  }
  if (!S_ISREG(info.st_mode)) return Error{"the identity " + path + " is not a regular file"};
  if ((info.st_mode & 077U) != 0)
    return Error{"the identity " + path + " can be read by others than its owner; chmod 600 " +
                 path};
  return Done{};
}

}  // namespace

Status check_nobody_else_can_change(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return Error::from_errno(errno, path);
  if (info.st_uid != 0 && info.st_uid != ::geteuid())
    return Error{path + " belongs to user " + std::to_string(info.st_uid) +
                 ", who could put anything there; chown it to root"};
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return Error{path + " can be written by others than its owner; chmod go-w " + path};
  return Done{};
}

Result<Settings> read_settings() {
  auto settings = defaults(configuration_directory());
  if (!module::exists(settings.file)) return settings;
  PATCHBAY_CHECK(check_nobody_else_can_change(settings.file));
  PATCHBAY_TRY(const auto text, module::read_file(settings.file, kLongest));
  const auto document = json::parse(text, nullptr, false);
  if (document.is_discarded()) return Error{settings.file + " is not valid JSON"};
  PATCHBAY_CHECK(take(settings, document));
  return settings;
}

Result<std::string> check_decryption(const Settings& settings) {
  const auto& name = settings.decrypt.front();
  const bool is_path = name.find('/') != std::string::npos;
  const auto program = is_path ? std::optional{name} : module::find_program(name);
  if (!program)
    return Error{"there is no program " + name + " to decrypt with; install the package that has " +
                 "it, or name another in " + settings.file};
  if (!program->starts_with('/') || ::access(program->c_str(), X_OK) != 0)
    return Error{settings.file + ": Decrypt: " + *program +
                 " is not the absolute path of a program"};
  if (const auto identity = identity_of(settings.decrypt))
    PATCHBAY_CHECK(check_identity(*identity, settings.file));
  return *program;
}

}  // namespace patchbay::encrypted
