#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "core/artifact/names.hpp"
#include "core/os/file.hpp"
#include "sdk/artifact/collect.hpp"
#include "sdk/artifact/generator.hpp"
#include "sdk/artifact/tree_tar.hpp"

namespace patchbay::artifact_tool {
namespace {

Error wrong(const std::string& why) {
  return {ErrorCode::invalid_input, why};
}

std::string without_end_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

std::string last_part(const std::string& path) {
  const std::string trimmed = without_end_slashes(path);
  return trimmed.substr(trimmed.rfind('/') + 1);
}

std::string part_before(const std::string& path) {
  const std::string trimmed = without_end_slashes(path);
  const std::size_t slash = trimmed.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : trimmed.substr(0, slash);
}

Result<struct stat> look(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return Error::from_errno(errno, path);
  return info;
}

Result<std::string> permissions_of(const std::string& path) {
  PB_TRY(const struct stat info, look(path));
  std::string digits;
  for (unsigned mode = info.st_mode & 07777U; mode > 0; mode /= 8)
    digits.insert(digits.begin(), static_cast<char>('0' + mode % 8));
  return digits.empty() ? "0" : digits;
}

/// One alternative of a template: "dest.dir". Nothing when the option is not given.
Result<std::optional<std::string>> look_up(std::string_view term, const Values& values) {
  const std::size_t dot = term.find('.');
  const auto found = values.find(std::string{term.substr(0, dot)});
  if (found == values.end() || found->second.empty()) return std::optional<std::string>{};
  const std::string& value = found->second.front();
  if (dot == std::string_view::npos) return std::optional{value};
  const std::string_view property = term.substr(dot + 1);
  if (property == "name") return std::optional{last_part(value)};
  if (property == "dir") return std::optional{part_before(value)};
  if (property == "mode") {
    PB_TRY(std::string mode, permissions_of(value));
    return std::optional{std::move(mode)};
  }
  return wrong("{" + std::string{term} + "} has none of .name, .dir, .mode");
}

Result<std::string> value_of(std::string_view terms, const Values& values) {
  while (!terms.empty()) {
    const std::size_t end = std::min(terms.find('|'), terms.size());
    PB_TRY(auto value, look_up(terms.substr(0, end), values));
    if (value) return std::move(*value);
    terms.remove_prefix(std::min(end + 1, terms.size()));
  }
  return std::string{};
}

bool has_dots(const std::string& path) {
  return ("/" + path + "/").find("/../") != std::string::npos;
}

Status check_path(const std::string& value, OptionKind kind) {
  if (value.empty() || value.front() != '/') return wrong("it has to be an absolute path");
  if (has_dots(value)) return wrong("\"..\" is not allowed in it");
  const bool is_root = value.find_first_not_of("/.") == std::string::npos;
  if (kind == OptionKind::below_root && is_root) return wrong("it must not be the root directory");
  return Done{};
}

Status check_local(const std::string& value, OptionKind kind) {
  PB_TRY(const struct stat info, look(value));
  if (kind == OptionKind::file && !S_ISREG(info.st_mode)) return wrong("it is not a regular file");
  if (kind == OptionKind::directory && !S_ISDIR(info.st_mode))
    return wrong("it is not a directory");
  return Done{};
}

Status check_image(const std::string& value) {
  constexpr std::string_view kMark = "@sha256:";
  const std::size_t at = value.find(kMark);
  const bool good =
      at != std::string::npos && at > 0 && value.size() == at + kMark.size() + 64 &&
      value.find_first_not_of("0123456789abcdef", at + kMark.size()) == std::string::npos;
  if (good) return Done{};
  return wrong(
      "an image has to be named by its digest, NAME@sha256:..., because a tag may mean another "
      "image "
      "tomorrow; `docker pull` and `docker inspect --format '{{index .RepoDigests 0}}'` print it");
}

Status check_choice(const std::string& value, const std::string& choices) {
  const std::string all = "|" + choices + "|";
  if (!value.empty() && all.find("|" + value + "|") != std::string::npos) return Done{};
  return wrong("it has to be one of " + choices);
}

Status check_value(const std::string& value, const GeneratorOption& option) {
  if (artifact::has_control_character(value)) return wrong("it holds a control character");
  if (option.required && value.empty()) return wrong("it is empty");
  switch (option.kind) {
    case OptionKind::file:
    case OptionKind::directory:
      return check_local(value, option.kind);
    case OptionKind::output:
      return check_local(part_before(value), OptionKind::directory);
    case OptionKind::path:
    case OptionKind::below_root:
      return check_path(value, option.kind);
    case OptionKind::choice:
      return check_choice(value, option.value);
    case OptionKind::image:
      return check_image(value);
    case OptionKind::word:
      if (value.empty() || !std::all_of(value.begin(), value.end(), [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '_' || c == '-';
          }))
        return wrong("only letters, digits, \"_\" and \"-\" are allowed");
      return Done{};
    case OptionKind::text:
    case OptionKind::flag:
      break;
  }
  return Done{};
}

bool is_given(const std::string& option, const Values& values) {
  const auto found = values.find(option);
  return found != values.end() && !found->second.empty();
}

Status check_option(const GeneratorOption& option, const Values& values) {
  const auto found = values.find(option.name);
  const bool given = found != values.end() && !found->second.empty();
  if (!given) {
    if (!option.required) return Done{};
    return wrong("--" + option.name + " " + option.value + " is required");
  }
  if (!option.repeat && found->second.size() > 1)
    return wrong("--" + option.name + " \"" + printable(found->second[1]) +
                 "\": only one is possible");
  if (!option.with.empty() && !is_given(option.with, values))
    return wrong("--" + option.name + " \"" + printable(found->second.front()) +
                 "\": it means something only together with --" + option.with);
  for (const std::string& value : found->second)
    PB_CHECK(
        check_value(value, option).context("--" + option.name + " \"" + printable(value) + "\""));
  return Done{};
}

enum class HowMany : std::uint8_t { exactly_one, at_least_one };

Status check_number(const std::vector<std::string>& names, HowMany wanted, const Values& values) {
  const auto given = std::count_if(names.begin(), names.end(),
                                   [&](const std::string& name) { return is_given(name, values); });
  const bool is_exact = wanted == HowMany::exactly_one;
  if (given == 1 || (given > 1 && !is_exact)) return Done{};
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "--" : ", --") + name;
  return wrong((is_exact ? "exactly one of " : "at least one of ") + list + " is needed");
}

std::string with_allowed_characters(std::string name) {
  for (char& c : name)
    if (!artifact::is_file_name({&c, 1}) && c != '.') c = '_';
  return name;
}

bool is_left_out(const GeneratorFile& file, const Values& values) {
  return (!file.when.empty() && !is_given(file.when, values)) ||
         (!file.unless.empty() && is_given(file.unless, values));
}

Status add_files(const GeneratorFile& file, const Generator& generator, const Values& values,
                 artifact::PayloadSpec& payload) {
  if (is_left_out(file, values)) return Done{};
  if (file.source == GeneratorFile::Source::program)
    return collect_files(os::join(generator.directory, file.from), generator, values, payload);
  PB_TRY(const std::string name, expand(file.name, values));
  if (file.source == GeneratorFile::Source::text) {
    PB_TRY(std::string text, expand(file.from, values));
    payload.files.push_back({name, {}, artifact::text_content(std::move(text))});
    return Done{};
  }
  const auto given = values.find(file.from);
  if (given == values.end()) return Done{};
  for (const std::string& path : given->second) {
    if (file.source == GeneratorFile::Source::file) {
      const std::string own =
          file.rename ? with_allowed_characters(last_part(path)) : last_part(path);
      payload.files.push_back({name.empty() ? own : name, path});
      continue;
    }
    if (file.source == GeneratorFile::Source::list) {
      PB_TRY(std::string list, tree_list(path).context(path));
      payload.files.push_back({name, {}, artifact::text_content(std::move(list))});
      continue;
    }
    PB_TRY(auto tree, tree_tar(path, file.prefix.empty() ? "." : file.prefix).context(path));
    if (file.gzip) {
      PB_TRY(tree, gzipped(*tree));
    }
    payload.files.push_back({name, {}, std::move(tree)});
  }
  return Done{};
}

/// "{image}" alone stands for all values of an option that may be repeated, and for true or false
/// of a flag; elsewhere a template is text.
Result<nlohmann::json> filled_in(const nlohmann::json& json, const Generator& generator,
                                 const Values& values) {
  if (json.is_structured()) {
    nlohmann::json made = json.is_object() ? nlohmann::json::object() : nlohmann::json::array();
    for (const auto& [key, value] : json.items()) {
      PB_TRY(nlohmann::json filled, filled_in(value, generator, values));
      if (filled.is_discarded()) continue;
      if (json.is_object()) {
        made[key] = std::move(filled);
      } else {
        made.push_back(std::move(filled));
      }
    }
    return made;
  }
  if (!json.is_string()) return json;
  const auto text = json.get<std::string>();
  // "?{option}": left out when the option is not given.
  const bool optional = text.starts_with("?{");
  const std::string pattern = optional ? text.substr(1) : text;
  for (const GeneratorOption& option : generator.options) {
    if (pattern != "{" + option.name + "}") continue;
    const auto found = values.find(option.name);
    if (optional && found == values.end())
      return nlohmann::json(nlohmann::json::value_t::discarded);
    if (option.kind == OptionKind::flag) return nlohmann::json(found != values.end());
    if (option.repeat)
      return nlohmann::json(found == values.end() ? std::vector<std::string>{} : found->second);
  }
  PB_TRY(std::string expanded, expand(pattern, values));
  return nlohmann::json(std::move(expanded));
}

}  // namespace

Result<std::string> expand(const std::string& text, const Values& values) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t open = std::min(text.find('{', at), text.size());
    out += text.substr(at, open - at);
    if (open == text.size()) break;
    const std::size_t close = text.find('}', open);
    if (close == std::string::npos) return wrong("\"" + text + "\": { without }");
    PB_TRY(const std::string value,
           value_of(std::string_view{text}.substr(open + 1, close - open - 1), values));
    out += value;
    at = close + 1;
  }
  return out;
}

Result<artifact::PayloadSpec> generate(const Generator& generator, const Values& values) {
  for (const GeneratorOption& option : generator.options)
    PB_CHECK(check_option(option, values));
  for (const auto& names : generator.one_of)
    PB_CHECK(check_number(names, HowMany::exactly_one, values));
  for (const auto& names : generator.any_of)
    PB_CHECK(check_number(names, HowMany::at_least_one, values));
  artifact::PayloadSpec payload;
  payload.type = generator.type;
  payload.checksum_key = generator.checksum;
  for (const GeneratorFile& file : generator.files)
    PB_CHECK(add_files(file, generator, values, payload));
  if (generator.meta_data.empty()) return payload;
  PB_TRY(const nlohmann::json json,
         filled_in(nlohmann::json::parse(generator.meta_data), generator, values));
  payload.meta_data = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return payload;
}

}  // namespace patchbay::artifact_tool
