#include <CLI/CLI.hpp>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/base/bytes.hpp"
#include "sdk/artifact/artifact_file.hpp"
#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/difference.hpp"
#include "sdk/artifact/outcome.hpp"

namespace patchbay::artifact_tool {
namespace {

using Json = nlohmann::ordered_json;

// As with diff(1).
constexpr int kSame = 0;
constexpr int kDifferent = 1;
constexpr int kTrouble = 2;

struct DiffOptions {
  std::string before, after;
  bool json = false;
};

struct Section {
  const char* title;
  const char* key;
  const std::vector<Difference>& differences;
};

std::vector<Section> sections(const ArtifactDifference& d) {
  return {{"Artifact name", "artifact_name", d.name},
          {"Group", "artifact_group", d.group},
          {"Compatible types", "compatible_types", d.compatible_types},
          {"Depends on name", "depends_artifact_name", d.depends_names},
          {"Depends on group", "depends_artifact_group", d.depends_groups},
          {"State scripts", "scripts", d.scripts}};
}

std::vector<Section> sections(const PayloadDifference& d) {
  return {{"  Type", "type", d.type},
          {"  Provides", "provides", d.provides},
          {"  Depends", "depends", d.depends},
          {"  Clears", "clears", d.clears},
          {"  Meta-data", "meta_data", d.meta_data},
          {"  Files", "files", d.files}};
}

void print_side(const std::string& indent, char sign, const Difference& difference,
                const std::optional<std::string>& value) {
  if (!value) return;
  const bool both = !difference.key.empty() && !value->empty();
  std::printf("%s%c %s%s%s\n", indent.c_str(), sign, printable(difference.key).c_str(),
              both ? ": " : "", printable(*value, 2000).c_str());
}

void print_section(const Section& section) {
  if (section.differences.empty()) return;
  const std::string title = section.title;
  const std::string indent(title.find_first_not_of(' ') + 2, ' ');
  std::printf("%s:\n", title.c_str());
  for (const Difference& difference : section.differences) {
    print_side(indent, '-', difference, difference.before);
    print_side(indent, '+', difference, difference.after);
  }
}

void print_text(const ArtifactDifference& difference) {
  for (const Section& section : sections(difference))
    print_section(section);
  for (const PayloadDifference& payload : difference.payloads) {
    std::printf("Payload %zu:\n", payload.index);
    for (const Section& section : sections(payload))
      print_section(section);
  }
  print_section({"The device then provides", "", difference.device_provides});
  if (!difference.unmet.empty()) std::printf("A device with only the first refuses the second:\n");
  for (const std::string& reason : difference.unmet)
    std::printf("  %s\n", printable(reason).c_str());
}

Json to_json(const std::vector<Difference>& differences) {
  Json list = Json::array();
  for (const Difference& difference : differences) {
    Json json;
    if (!difference.key.empty()) json["key"] = difference.key;
    json["before"] = difference.before ? Json(*difference.before) : Json();
    json["after"] = difference.after ? Json(*difference.after) : Json();
    list.push_back(std::move(json));
  }
  return list;
}

void print_json(const ArtifactDifference& difference) {
  Json json{{"different", difference.any()}};
  for (const Section& section : sections(difference))
    json[section.key] = to_json(section.differences);
  json["payloads"] = Json::array();
  for (const PayloadDifference& payload : difference.payloads) {
    Json one{{"index", payload.index}};
    for (const Section& section : sections(payload))
      one[section.key] = to_json(section.differences);
    json["payloads"].push_back(std::move(one));
  }
  json["device_provides"] = to_json(difference.device_provides);
  json["unmet_depends"] = difference.unmet;
  std::printf("%s\n", json.dump(2).c_str());
}

}  // namespace

int diff(const Call& call) {
  DiffOptions options;
  CLI::App app{
      "Tells what changes for a device that goes from one artifact to another.\n"
      "Exits with 0 when nothing does, 1 when something does, 2 on trouble."};
  app.add_option("before", options.before, "The artifact that is installed")
      ->required()
      ->type_name("ARTIFACT");
  app.add_option("after", options.after, "The artifact that is to be installed")
      ->required()
      ->type_name("ARTIFACT");
  app.add_flag("--json", options.json, "For programs: one JSON object");
  if (const auto code = parse(
          app, call, "  " + program_name(call.face) + " diff release-1.mender release-2.mender"))
    return *code == kSame ? kSame : kTrouble;

  const auto before = read_artifact(options.before);
  const auto after = read_artifact(options.after);
  for (const auto* contents : {&before, &after}) {
    if (*contents) continue;
    static_cast<void>(fail(call, contents->error()));
    return kTrouble;
  }
  const ArtifactDifference difference = compare(*before, *after);
  if (options.json) {
    print_json(difference);
  } else {
    print_text(difference);
  }
  return difference.any() ? kDifferent : kSame;
}

}  // namespace patchbay::artifact_tool
