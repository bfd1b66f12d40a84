#include "sdk/artifact/generator.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "core/artifact/limits.hpp"
#include "core/artifact/names.hpp"
#include "core/os/file.hpp"
#include "sdk/artifact/generator_names.hpp"
#include "sdk/artifact/piece_sums.hpp"
#include "sdk/artifact/yaml.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::size_t kLargestDescription = 64 * kKiB;

struct KindName {
  std::string_view name;
  OptionKind kind;
};
constexpr std::array kKinds{KindName{"text", OptionKind::text},
                            KindName{"word", OptionKind::word},
                            KindName{"choice", OptionKind::choice},
                            KindName{"file", OptionKind::file},
                            KindName{"directory", OptionKind::directory},
                            KindName{"path", OptionKind::path},
                            KindName{"below-root", OptionKind::below_root},
                            KindName{"image", OptionKind::image},
                            KindName{"output", OptionKind::output},
                            KindName{"flag", OptionKind::flag}};

std::string kind_names() {
  std::string names;
  for (const KindName& kind : kKinds)
    names += " " + std::string{kind.name};
  return names;
}

Result<GeneratorOption> option_of(const YAML::Node& node) {
  PB_CHECK(check_keys(node, {"name", "short", "value", "help", "kind", "required", "repeat",
                             "positional", "with"}));
  GeneratorOption option;
  PB_TRY(option.name, text_at(node, "name"));
  PB_TRY(option.short_name, text_at(node, "short"));
  PB_TRY(option.value, text_at(node, "value"));
  PB_TRY(option.help, text_at(node, "help"));
  PB_TRY(option.required, truth_at(node, "required"));
  PB_TRY(option.repeat, truth_at(node, "repeat"));
  PB_TRY(option.positional, truth_at(node, "positional"));
  PB_TRY(option.with, text_at(node, "with"));
  PB_TRY(const std::string kind, text_at(node, "kind"));
  const auto* found = std::find_if(kKinds.begin(), kKinds.end(), [&](const KindName& candidate) {
    return candidate.name == (kind.empty() ? "text" : kind);
  });
  if (found == kKinds.end())
    return wrong_value(node["kind"], "kind \"" + printable(kind) + "\" is none of:" + kind_names());
  option.kind = found->kind;
  if (option.name.empty()) return wrong_value(node, "an option needs a name");
  if (option.value.empty()) option.value = "VALUE";
  return option;
}

Result<GeneratorFile> file_of(const YAML::Node& node) {
  PB_CHECK(check_keys(node, {"name", "text", "file", "tree", "list", "program", "prefix", "gzip",
                             "rename", "when", "unless"}));
  GeneratorFile file;
  PB_TRY(file.name, text_at(node, "name"));
  PB_TRY(file.prefix, text_at(node, "prefix"));
  PB_TRY(file.gzip, truth_at(node, "gzip"));
  PB_TRY(file.rename, truth_at(node, "rename"));
  PB_TRY(file.when, text_at(node, "when"));
  PB_TRY(file.unless, text_at(node, "unless"));
  int sources = 0;
  for (const auto& [key, source] : {std::pair{"text", GeneratorFile::Source::text},
                                    std::pair{"file", GeneratorFile::Source::file},
                                    std::pair{"tree", GeneratorFile::Source::tree},
                                    std::pair{"list", GeneratorFile::Source::list},
                                    std::pair{"program", GeneratorFile::Source::program}}) {
    if (!node[key]) continue;
    PB_TRY(file.from, text_at(node, key));
    file.source = source;
    ++sources;
  }
  if (sources != 1) return wrong_value(node, "a file has one of: text, file, tree, list, program");
  const bool named =
      file.source != GeneratorFile::Source::file && file.source != GeneratorFile::Source::program;
  if (file.name.empty() && named) return wrong_value(node, "a file needs a name");
  if (file.source == GeneratorFile::Source::program && !artifact::is_file_name(file.from))
    return wrong_value(node, "program \"" + printable(file.from) +
                                 "\" has to be the name of a file beside the description");
  return file;
}

Result<nlohmann::json> json_of(const YAML::Node& node) {
  if (node.IsScalar()) return nlohmann::json(node.Scalar());
  if (node.IsNull()) return nlohmann::json(nullptr);
  nlohmann::json json = node.IsMap() ? nlohmann::json::object() : nlohmann::json::array();
  for (const auto& item : node) {
    PB_TRY(nlohmann::json value,
           json_of(node.IsMap() ? item.second : static_cast<YAML::Node>(item)));
    if (node.IsMap()) {
      json[item.first.Scalar()] = std::move(value);
    } else {
      json.push_back(std::move(value));
    }
  }
  return json;
}

/// Every node of a list, read by `read`.
template <typename Item>
Status read_each(const YAML::Node& list, Result<Item> (*read)(const YAML::Node&),
                 std::vector<Item>& items) {
  for (const YAML::Node& node : list) {
    PB_TRY(Item item, read(node));
    items.push_back(std::move(item));
  }
  return Done{};
}

Status read_lists(const YAML::Node& root, Generator& made) {
  PB_CHECK(read_each(root["options"], option_of, made.options));
  PB_CHECK(read_each(root["files"], file_of, made.files));
  PB_CHECK(read_each(root["one-of"], texts_of, made.one_of));
  PB_CHECK(read_each(root["any-of"], texts_of, made.any_of));
  PB_TRY(made.meta_data_keys, texts_at(root, "meta-data-keys"));
  PB_TRY(made.clears, texts_at(root, "clears"));
  return Done{};
}

/// The size of the pieces whose sums are asked for; 0: none.
Result<std::uint64_t> pieces_at(const YAML::Node& root) {
  PB_TRY(const std::string text, text_at(root, "pieces"));
  if (text.empty()) return std::uint64_t{0};
  std::uint64_t size = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, size);
  if (parsed.ec == std::errc{} && parsed.ptr == end && is_piece_size(size)) return size;
  return wrong_value(root["pieces"],
                     "pieces \"" + printable(text) + "\" has to be " + piece_size_rule());
}

Result<Generator> generator_of(const YAML::Node& root) {
  PB_CHECK(check_keys(root, {"type", "summary", "example", "options", "one-of", "any-of", "files",
                             "meta-data", "meta-data-keys", "needs-meta-data", "checksum", "pieces",
                             "whole-system", "software-name", "compression", "clears"}));
  Generator made;
  PB_TRY(made.type, text_at(root, "type"));
  PB_TRY(made.summary, text_at(root, "summary"));
  PB_TRY(made.example, text_at(root, "example"));
  PB_TRY(made.checksum, text_at(root, "checksum"));
  PB_TRY(made.pieces, pieces_at(root));
  PB_TRY(made.software_name, text_at(root, "software-name"));
  PB_TRY(made.compression, text_at(root, "compression"));
  PB_TRY(made.whole_system, truth_at(root, "whole-system"));
  PB_TRY(made.needs_meta_data, truth_at(root, "needs-meta-data"));
  PB_CHECK(read_lists(root, made));
  if (root["meta-data"]) {
    PB_TRY(const nlohmann::json json, json_of(root["meta-data"]));
    made.meta_data = json.dump();
  }
  if (!artifact::is_payload_type(made.type, artifact::Limits{}))
    return wrong_value(root, "type \"" + printable(made.type) + "\" is not a payload type");
  return made;
}

/// For a tree that was installed under another prefix than the one it was built for.
std::string beside_this_program() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return PATCHBAY_GENERATOR_DIRECTORY;
  return (program.parent_path().parent_path() / "share/patchbay/generators").string();
}

/// Those given, then PATCHBAY_GENERATORS, then what is installed with this program.
std::vector<std::string> generator_directories(const std::vector<std::string>& given) {
  std::vector<std::string> directories = given;
  std::string_view rest;
  if (const char* text = std::getenv("PATCHBAY_GENERATORS")) rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    if (end > 0) directories.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  directories.push_back(beside_this_program());
  directories.emplace_back(PATCHBAY_GENERATOR_DIRECTORY);
  return directories;
}

/// DIR/TYPE, for DIR/TYPE.yaml as for DIR/TYPE/generator.yaml.
std::string programs_beside(const std::string& description) {
  const std::filesystem::path path{description};
  return (path.filename() == "generator.yaml" ? path.parent_path()
                                              : std::filesystem::path{path}.replace_extension())
      .string();
}

/// Nothing when there is no such file.
Result<std::optional<Generator>> load(const std::string& path) {
  auto text = os::read_file(path, kLargestDescription);
  if (!text &&
      (text.error().code() == ErrorCode::not_found || text.error().error_number() == ENOTDIR))
    return std::optional<Generator>{};
  if (!text) return std::move(text).error();
  PB_TRY(Generator generator, parse_generator(*text, path));
  generator.directory = programs_beside(path);
  return std::optional<Generator>{std::move(generator)};
}

/// What is at this place, unless an earlier one has the type.
void add(Generators& found, const std::string& directory, const std::string& name) {
  const std::string path = os::join(directory, name);
  const bool is_file = name.ends_with(".yaml");
  auto generator = load(is_file ? path : os::join(path, "generator.yaml"));
  if (generator && !*generator) return;
  const std::string type = generator ? (*generator)->type : name.substr(0, name.rfind(".yaml"));
  if (found.known.contains(type) || found.broken.contains(type)) return;
  if (generator) {
    found.known.emplace(type, **std::move(generator));
  } else {
    found.broken.emplace(type, std::move(generator).error());
  }
}

}  // namespace

Result<std::optional<Generator>> Generators::find(const std::string& type) const {
  if (const auto error = broken.find(type); error != broken.end())
    return error->second.context("the description of the payload type " + printable(type));
  const auto found = known.find(type);
  return found == known.end() ? std::optional<Generator>{} : found->second;
}

bool is_local(OptionKind kind) {
  return kind == OptionKind::file || kind == OptionKind::directory || kind == OptionKind::output;
}

Result<Generator> parse_generator(const std::string& text, const std::string& name) {
  PB_TRY(const YAML::Node root, parse_yaml(text, name));
  PB_TRY(Generator made, generator_of(root).context(name));
  PB_CHECK(check_option_names(made).context(name));
  return made;
}

Result<Generators> find_generators(const std::vector<std::string>& given) {
  Generators found;
  for (const std::string& directory : given)
    PB_CHECK(os::list_directory(directory).context("--generators"));
  for (const std::string& directory : generator_directories(given)) {
    const auto names = os::list_directory(directory);
    if (!names && names.error().code() == ErrorCode::not_found) continue;
    if (!names) return names.error();
    for (const std::string& name : *names)
      add(found, directory, name);
  }
  return found;
}

Generator plain_generator(const std::string& type) {
  Generator made;
  made.type = type;
  GeneratorOption file;
  file.name = "file";
  file.short_name = "f";
  file.value = "FILE";
  file.help = "A file of the payload";
  file.kind = OptionKind::file;
  file.repeat = true;
  file.positional = true;
  made.options.push_back(file);
  GeneratorFile files;
  files.source = GeneratorFile::Source::file;
  files.from = "file";
  made.files.push_back(files);
  return made;
}

}  // namespace patchbay::artifact_tool
