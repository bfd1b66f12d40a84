#include "sdk/artifact/generator_names.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/base/bytes.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::array<std::string_view, 3> kParts{".name", ".dir", ".mode"};

Status check_name(const Generator& generator, std::string_view name, const std::string& where) {
  const auto is_called = [name](const GeneratorOption& option) { return option.name == name; };
  if (std::any_of(generator.options.begin(), generator.options.end(), is_called)) return Done{};
  std::string known;
  for (const GeneratorOption& option : generator.options)
    known += " " + option.name;
  return Error{ErrorCode::invalid_input,
               where + ": there is no option \"" + printable(name) + "\"" +
                   (known.empty() ? "; there are none" : "; there are" + known)};
}

std::string_view without_part(std::string_view term) {
  for (const std::string_view part : kParts) {
    if (term.ends_with(part)) return term.substr(0, term.size() - part.size());
  }
  return term;
}

/// "{a.name|b}": a and b have to be options.
Status check_template(const Generator& generator, std::string_view text, const std::string& where) {
  for (;;) {
    const auto open = text.find('{');
    if (open == std::string_view::npos) return Done{};
    text.remove_prefix(open + 1);
    std::string_view terms = text.substr(0, text.find('}'));
    if (terms.size() == text.size())
      return Error{ErrorCode::invalid_input, where + ": { without }"};
    text.remove_prefix(terms.size() + 1);
    while (!terms.empty()) {
      const auto term = terms.substr(0, terms.find('|'));
      PB_CHECK(check_name(generator, without_part(term), where));
      terms.remove_prefix(std::min(term.size() + 1, terms.size()));
    }
  }
}

Status check_file(const Generator& generator, const GeneratorFile& file, const std::string& where) {
  using Source = GeneratorFile::Source;
  if (file.source == Source::text) PB_CHECK(check_template(generator, file.from, where + ": text"));
  if (file.source == Source::file || file.source == Source::tree || file.source == Source::list)
    PB_CHECK(check_name(generator, file.from, where));
  PB_CHECK(check_template(generator, file.name, where + ": name"));
  if (!file.when.empty()) PB_CHECK(check_name(generator, file.when, where + ": when"));
  return file.unless.empty() ? Status{Done{}}
                             : check_name(generator, file.unless, where + ": unless");
}

Status check_json(const Generator& generator, const nlohmann::json& json,
                  const std::string& where) {
  if (json.is_string()) return check_template(generator, json.get<std::string>(), where);
  if (!json.is_structured()) return Done{};
  for (const auto& [key, value] : json.items())
    PB_CHECK(check_json(generator, value, where + ": " + printable(key)));
  return Done{};
}

}  // namespace

Status check_option_names(const Generator& generator) {
  for (std::size_t i = 0; i < generator.files.size(); ++i)
    PB_CHECK(check_file(generator, generator.files[i], "file " + std::to_string(i + 1)));
  for (const auto& names : generator.one_of) {
    for (const std::string& name : names)
      PB_CHECK(check_name(generator, name, "one-of"));
  }
  PB_CHECK(check_template(generator, generator.software_name, "software-name"));
  if (generator.meta_data.empty()) return Done{};
  return check_json(generator, nlohmann::json::parse(generator.meta_data), "meta-data");
}

}  // namespace patchbay::artifact_tool
