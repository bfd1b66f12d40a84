#include "sdk/artifact/request.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/artifact/limits.hpp"
#include "core/artifact/names.hpp"
#include "core/os/file.hpp"
#include "sdk/artifact/option_values.hpp"
#include "sdk/artifact/piece_sums.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::string_view kRootFileSystem = "rootfs-image";

Error wrong(const std::string& why) {
  return {ErrorCode::invalid_input, why};
}

/// The rules of mender-artifact for what a payload provides and clears without being asked.
class Defaults {
 public:
  Defaults(const PayloadRequest& request, const std::string& artifact_name)
      : request_{request},
        artifact_name_{artifact_name},
        file_system_{request.software_filesystem.empty() ? std::string{kRootFileSystem}
                                                         : request.software_filesystem} {}

  void add_version(std::map<std::string, std::string>& provides) const {
    const bool off = request_.no_default_software_version;
    if (off && request_.software_version.empty()) return;
    std::string key = file_system_;
    if (!request_.software_name.empty()) {
      key += "." + request_.software_name;
    } else if (!off && !request_.generator.whole_system) {
      key += "." + request_.generator.type;
    }
    key += ".version";
    if (provides.contains(key) && request_.explicit_provides_win) return;
    provides[key] = request_.software_version.empty() ? artifact_name_ : request_.software_version;
  }

  void add_clears(std::vector<std::string>& clears) const {
    if (request_.no_default_clears || request_.no_default_software_version) return;
    const bool whole = request_.generator.whole_system && request_.software_name.empty();
    if (whole && file_system_ == kRootFileSystem) {
      clears.emplace_back("artifact_group");
      clears.emplace_back("rootfs_image_checksum");
    }
    std::string pattern = file_system_;
    if (!request_.software_name.empty()) {
      pattern += "." + request_.software_name;
    } else if (!request_.generator.whole_system) {
      pattern += "." + request_.generator.type;
    }
    pattern += ".*";
    if (std::find(clears.begin(), clears.end(), pattern) == clears.end())
      clears.push_back(std::move(pattern));
  }

 private:
  const PayloadRequest& request_;
  const std::string& artifact_name_;
  std::string file_system_;
};

/// KEY:VALUE of every text; of a key that is there twice, the last one. `prefix` stands before the
/// names of the options.
template <typename Request, typename Spec>
Status add_pairs(const Request& request, Spec& spec, const std::string& prefix = "--") {
  PB_TRY(const KeyValues provides, key_values(prefix + "provides", request.provides));
  for (const auto& [key, value] : provides)
    spec.provides.insert_or_assign(key, value);
  PB_TRY(const KeyValues depends, key_values(prefix + "depends", request.depends));
  for (const auto& [key, value] : depends)
    spec.depends.insert_or_assign(key, std::vector<std::string>{value});
  return Done{};
}

void add_clears(const PayloadRequest& request, const Defaults& defaults,
                artifact::PayloadSpec& payload) {
  std::vector<std::string> clears = request.clears;
  if (clears.empty() && !request.generator.clears.empty()) {
    clears = request.generator.clears;
  } else {
    defaults.add_clears(clears);
  }
  // mender-artifact never writes an empty list.
  if (!clears.empty() || request.clears_given) payload.clears = std::move(clears);
}

/// A key that the module does not know would do nothing, without a word.
Status check_meta_data_keys(const PayloadRequest& request, const std::string& meta_data) {
  const auto& known = request.generator.meta_data_keys;
  const auto given = nlohmann::json::parse(meta_data, nullptr, false);
  if (known.empty() || !given.is_object()) return Done{};
  for (const auto& [key, value] : given.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string names;
    for (const std::string& name : known)
      names += " " + name;
    return wrong("--meta-data \"" + printable(request.meta_data_file) +
                 "\": " + request.generator.type + " knows no key \"" + printable(key) +
                 "\"; there are:" + names);
  }
  return Done{};
}

Status add_meta_data(const PayloadRequest& request, artifact::PayloadSpec& payload) {
  if (request.meta_data_file.empty()) {
    if (!request.generator.needs_meta_data) return Done{};
    return wrong("--meta-data FILE is required");
  }
  if (!request.generator.meta_data.empty())
    return wrong("--meta-data \"" + printable(request.meta_data_file) + "\": the meta-data of " +
                 request.generator.type + " is made from its options");
  const std::string collected = std::move(payload.meta_data);
  PB_TRY(payload.meta_data, read_meta_data("--meta-data", request.meta_data_file));
  PB_CHECK(check_meta_data_keys(request, payload.meta_data));
  if (collected.empty()) return Done{};
  // What the person says wins over what has been collected.
  auto merged = nlohmann::json::parse(collected, nullptr, false);
  const auto given = nlohmann::json::parse(payload.meta_data, nullptr, false);
  if (!merged.is_object() || !given.is_object())
    return wrong("--meta-data \"" + printable(request.meta_data_file) +
                 "\": it has to be a JSON object");
  merged.update(given);
  payload.meta_data = merged.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return Done{};
}

/// Without the checksum that they belong to nobody would believe them, and mender-artifact writes
/// none.
bool wants_pieces(const PayloadRequest& request, artifact::Habits habits) {
  return request.generator.pieces > 0 && !request.no_checksum && habits == artifact::Habits::own;
}

/// The sums of the pieces are the payload's then. Returns that of the file.
Result<std::string> add_pieces(const PayloadRequest& request, artifact::PayloadSpec& payload) {
  if (has_pieces_key(payload.meta_data))
    return wrong("--meta-data \"" + printable(request.meta_data_file) +
                 "\": \"pieces\" is made from the payload file; leave it out");
  if (payload.files.size() != 1)
    return wrong("sums of pieces need exactly one payload file, not " +
                 std::to_string(payload.files.size()));
  PB_TRY(PieceSums pieces, piece_sums_of(payload.files.front(), request.generator.pieces));
  payload.meta_data = with_piece_sums(payload.meta_data, pieces);
  payload.files.front().sha256 = pieces.of;
  return std::move(pieces.of);
}

/// A sum that is known already is written at once: what stands in front of the payload is then
/// known to the byte, also compressed, and the writer need not do its work again for another
/// length.
void add_checksum(const PayloadRequest& request, const std::string& known,
                  artifact::PayloadSpec& payload) {
  if (request.legacy_checksum && !payload.checksum_key.empty())
    payload.checksum_key = "rootfs_image_checksum";
  if (request.no_checksum) payload.checksum_key.clear();
  if (known.empty() || payload.checksum_key.empty()) return;
  payload.provides.insert_or_assign(payload.checksum_key, known);
  payload.checksum_key.clear();
}

Status add_augment(const AugmentRequest& request, artifact::PayloadSpec& payload) {
  if (!request.any()) return Done{};
  if (request.type.empty())
    return wrong("--augment-type TYPE has to be given with the other --augment options");
  if (request.type != payload.type) {
    return wrong("--augment-type \"" + printable(request.type) +
                 "\": it has to be the payload's, " + "\"" + payload.type.value_or("") +
                 "\"; what is not signed does not choose the module");
  }
  artifact::PayloadSpec::Augment& augment = payload.augment.emplace();
  PB_CHECK(add_pairs(request, augment, "--augment-"));
  for (const std::string& path : request.files)
    augment.files.push_back({path.substr(path.rfind('/') + 1), path});
  if (request.meta_data_file.empty()) return Done{};
  PB_TRY(augment.meta_data, read_meta_data("--augment-meta-data", request.meta_data_file));
  return Done{};
}

Status check_names_of(const ArtifactRequest& request) {
  PB_CHECK(check_names("--artifact-name", {request.name}));
  if (!request.group.empty()) PB_CHECK(check_names("--provides-group", {request.group}));
  PB_CHECK(check_names("--compatible-types", request.compatible_types));
  PB_CHECK(check_names("--artifact-name-depends", request.depends_names));
  return check_names("--depends-groups", request.depends_groups);
}

Status check_texts_of(const PayloadRequest& request) {
  const std::string& type = request.generator.type;
  if (!request.empty && !artifact::is_payload_type(type, artifact::Limits{})) {
    return wrong("--type \"" + printable(type) + "\": a payload type is a name of [A-Za-z0-9_.-]");
  }
  PB_CHECK(check_texts("--clears-provides", request.clears));
  PB_CHECK(check_texts("--software-name", {request.software_name}));
  PB_CHECK(check_texts("--software-version", {request.software_version}));
  return check_texts("--software-filesystem", {request.software_filesystem});
}

Result<artifact::PayloadSpec> build_payload(PayloadRequest request,
                                            const std::string& artifact_name,
                                            artifact::Habits habits) {
  PB_CHECK(check_texts_of(request));
  artifact::PayloadSpec payload;
  if (request.empty) {
    PB_CHECK(add_pairs(request, payload));
    if (!request.clears.empty()) payload.clears = request.clears;
    return payload;
  }
  PB_TRY(payload, generate(request.generator, request.values));
  PB_CHECK(add_meta_data(request, payload));
  std::string checksum;
  if (wants_pieces(request, habits)) {
    PB_TRY(checksum, add_pieces(request, payload));
  }
  PB_CHECK(add_pairs(request, payload));
  PB_CHECK(add_augment(request.augment, payload));
  if (request.software_name.empty()) {
    PB_TRY(request.software_name, expand(request.generator.software_name, request.values));
  }
  const Defaults defaults{request, artifact_name};
  defaults.add_version(payload.provides);
  add_clears(request, defaults, payload);
  add_checksum(request, checksum, payload);
  return payload;
}

Status add_script(const std::string& path, artifact::ArtifactSpec& spec) {
  PB_TRY(const UniqueFd fd, os::open_file(path, O_RDONLY));
  artifact::Script script;
  script.name = path.substr(path.rfind('/') + 1);
  PB_TRY(script.content, os::read_file(path, artifact::Limits{}.script_bytes));
  PB_TRY(auto attributes, artifact::attributes_of(fd.get()));
  spec.script_attributes.insert_or_assign(script.name, std::move(attributes));
  spec.scripts.push_back(std::move(script));
  return Done{};
}

Status add_scripts(const std::string& path, artifact::ArtifactSpec& spec) {
  PB_TRY(const auto files, script_files("--script", path));
  for (const std::string& file : files)
    PB_CHECK(add_script(file, spec).context("--script"));
  return Done{};
}

std::string compression_of(const ArtifactRequest& request) {
  if (!request.compression.empty()) return request.compression;
  for (const PayloadRequest& payload : request.payloads)
    if (payload.generator.compression.empty()) return "gzip";
  return request.payloads.empty() ? "gzip" : request.payloads.front().generator.compression;
}

struct CompressionName {
  std::string_view name;
  artifact::Compression kind;
  int level;  ///< 0: the standard one
};
constexpr std::array kCompressions{CompressionName{"none", artifact::Compression::none, 0},
                                   CompressionName{"gzip", artifact::Compression::gzip, 0},
                                   CompressionName{"xz", artifact::Compression::xz, 0},
                                   CompressionName{"lzma", artifact::Compression::xz, 0},
                                   CompressionName{"zstd", artifact::Compression::zstd, 0},
                                   CompressionName{"zstd_fastest", artifact::Compression::zstd, 1},
                                   CompressionName{"zstd_fast", artifact::Compression::zstd, 3},
                                   CompressionName{"zstd_better", artifact::Compression::zstd, 7},
                                   CompressionName{"zstd_best", artifact::Compression::zstd, 15}};

}  // namespace

Result<artifact::CompressionSettings> parse_compression(const std::string& text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view name = std::string_view{text}.substr(0, colon);
  const auto* found =
      std::find_if(kCompressions.begin(), kCompressions.end(),
                   [&](const CompressionName& candidate) { return candidate.name == name; });
  if (found == kCompressions.end())
    return wrong("--compression \"" + printable(text) + "\": it is none of none, gzip, xz, zstd");
  artifact::CompressionSettings settings;
  settings.kind = found->kind;
  if (found->level > 0) settings.level = found->level;
  if (colon == text.size()) return settings;
  int level = -1;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, level);
  const artifact::LevelRange range = artifact::level_range_of(found->kind);
  if (parsed.ec != std::errc{} || parsed.ptr != end || level < range.lowest ||
      level > range.highest || range.highest == 0) {
    return wrong("--compression \"" + printable(text) + "\": the level is from " +
                 std::to_string(range.lowest) + " to " + std::to_string(range.highest));
  }
  settings.level = level;
  return settings;
}

Result<artifact::ArtifactSpec> build(const ArtifactRequest& request) {
  PB_CHECK(check_names_of(request));
  artifact::ArtifactSpec spec;
  spec.name = request.name;
  if (!request.group.empty()) spec.group = request.group;
  spec.compatible_types = request.compatible_types;
  spec.depends_names = request.depends_names;
  spec.depends_groups = request.depends_groups;
  spec.habits = request.habits;
  PB_TRY(spec.compression, parse_compression(compression_of(request)));
  for (const std::string& path : request.scripts)
    PB_CHECK(add_scripts(path, spec));
  for (std::size_t i = 0; i < request.payloads.size(); ++i) {
    auto payload = build_payload(request.payloads[i], spec.name, request.habits);
    if (!payload && request.payloads.size() > 1)
      return std::move(payload).error().context("payload " + std::to_string(i));
    if (!payload) return std::move(payload).error();
    spec.payloads.push_back(std::move(*payload));
  }
  return spec;
}

}  // namespace patchbay::artifact_tool
