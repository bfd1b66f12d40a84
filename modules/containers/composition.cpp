#include "modules/containers/composition.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>
#define JSON_NO_IO 1
#include <nlohmann/json.hpp>

#include "modules/containers/tar_reader.hpp"
#include "patchbay/files.hpp"

namespace patchbay::containers {
namespace {

using module::Context;
using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;
using Kind = TarReader::Entry::Kind;

constexpr const char* kImages = "images.tar.gz";
constexpr const char* kUnpacked = "image.tar";  // in the work tree
constexpr std::array kManifestNames{"manifests.tar", "manifests.tar.gz"};
constexpr std::array kComposeFiles{"compose.yaml", "compose.yml", "docker-compose.yaml",
                                   "docker-compose.yml"};
constexpr std::uint64_t kMaxManifests = 64U * 1024 * 1024;
constexpr std::size_t kMaxNote = 4096;
// Beside an image of the type app.
constexpr std::array<std::string_view, 5> kNotes{"url-new.txt", "url-current.txt", "sums-new.txt",
                                                 "sums-current.txt", "deep_delta"};

Result<std::string> text_of(const json& root, const char* key) {
  const auto found = root.find(key);
  if (found == root.end()) return Error{"meta-data lacks '" + std::string{key} + "'"};
  if (!found->is_string()) return Error{"meta-data: '" + std::string{key} + "' must be a text"};
  return found->get<std::string>();
}

bool is_variable(const std::string& name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// Data, and only data: what could mean something else to a reader of such files is refused.
Result<std::string> environment_of(const json& root) {
  std::string lines;
  const auto found = root.find("env");
  if (found == root.end() || found->is_null()) return lines;
  if (!found->is_object()) return Error{"meta-data: 'env' must be an object of texts"};
  for (const auto& [name, value] : found->items()) {
    if (!is_variable(name))
      return Error{"meta-data: 'env': '" + name + "' is no name of a variable"};
    if (!value.is_string()) return Error{"meta-data: 'env': '" + name + "' must be a text"};
    const auto text = value.get<std::string>();
    if (text.find_first_of(std::string{"'\n\r\\\0", 5}) != std::string::npos ||
        text.find("${") != std::string::npos) {
      return Error{"meta-data: 'env': '" + name +
                   "' holds a quote, a backslash, a line end or ${, which cannot be handed over "
                   "as it is"};
    }
    lines += name + "='" + text + "'\n";
  }
  return lines;
}

Status read_docker_compose(const json& root, Composition& composition) {
  PATCHBAY_TRY(const auto version, text_of(root, "version"));
  if (version != "1") return Error{"meta-data: 'version' is '" + version + "', known is '1'"};
  PATCHBAY_TRY(composition.project, text_of(root, "project_name"));
  return Done{};
}

Status read_app(const json& root, Composition& composition) {
  PATCHBAY_TRY(const auto version, text_of(root, "version"));
  if (version != "1.0") return Error{"meta-data: 'version' is '" + version + "', known is '1.0'"};
  PATCHBAY_TRY(const auto orchestrator, text_of(root, "orchestrator"));
  if (orchestrator != "docker-compose") {
    return Error{"meta-data: 'orchestrator' is '" + orchestrator + "', known is docker-compose"};
  }
  PATCHBAY_TRY(composition.project, text_of(root, "application_name"));
  PATCHBAY_TRY(composition.environment, environment_of(root));
  return Done{};
}

/// Compose takes lower case only.
bool is_project(const std::string& text) {
  return is_name(text) && text.find('.') == std::string::npos &&
         std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

Result<std::string> manifests_in(const Context& context) {
  for (const char* name : kManifestNames) {
    const auto file = context.payload_file(name);
    if (file) return file->path;
  }
  return Error{"the payload has neither manifests.tar nor manifests.tar.gz"};
}

Status unpack_entry(TarReader& reader, const TarReader::Entry& entry, const std::string& path) {
  if (entry.kind == Kind::file) return reader.save(path);
  if (entry.kind != Kind::directory) {
    return Error{"'" + entry.name + "' is a link or a device; manifests are files"};
  }
  if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return Done{};
  return Error::from_errno(errno, "make " + path);
}

Status sync_directories(const std::string& root, const std::set<std::string>& directories) {
  for (const std::string& directory : directories)
    PATCHBAY_CHECK(module::sync_directory(module::join_path(root, directory)));
  return module::sync_directory(root);
}

Status require_compose_file(const std::string& directory) {
  const bool found = std::any_of(kComposeFiles.begin(), kComposeFiles.end(), [&](const char* name) {
    return module::exists(module::join_path(directory, name));
  });
  if (found) return Done{};
  return Error{"the manifests hold no compose.yaml or docker-compose.yml at their top"};
}

std::string without(const std::string& prefix, const std::string& name) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : "";
}

/// The notes beside the images of the type app, by path.
Result<std::map<std::string, std::string>> read_notes(const std::string& path) {
  PATCHBAY_TRY(auto reader, TarReader::open(path));
  std::map<std::string, std::string> notes;
  while (true) {
    PATCHBAY_TRY(const auto entry, reader.next());
    if (!entry) return notes;
    const std::string name = module::base_name(entry->name);
    if (std::find(kNotes.begin(), kNotes.end(), name) == kNotes.end()) continue;
    PATCHBAY_TRY(auto text, reader.read_all(kMaxNote));
    while (!text.empty() && text.back() == '\n')
      text.pop_back();
    notes[entry->name] = std::move(text);
  }
}

Result<std::string> id_in(const std::map<std::string, std::string>& notes,
                          const std::string& name) {
  const auto found = notes.find(name);
  if (found == notes.end()) return Error{"'" + name + "' is missing, which a delta needs"};
  const std::string& text = found->second;
  const std::string digits = text.starts_with("sha256:") ? text.substr(7) : text;
  if (digits.size() != 64 || digits.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return Error{"'" + name + "' is '" + text + "', which is no id of an image"};
  }
  return "sha256:" + digits;
}

/// By the directories they lie in.
Result<std::map<std::string, Delta>> deltas_in(const std::map<std::string, std::string>& notes) {
  std::map<std::string, Delta> deltas;
  for (const auto& [name, text] : notes) {
    if (!name.ends_with("/url-new.txt")) continue;
    Delta delta{.name = name.substr(0, name.rfind('/'))};
    const auto current = notes.find(delta.name + "/url-current.txt");
    if (current == notes.end() || current->second == text) continue;
    if (notes.contains(delta.name + "/deep_delta")) delta.kind = Delta::Kind::deep;
    delta.old_name = current->second;
    PATCHBAY_TRY(delta.old_id, id_in(notes, delta.name + "/sums-current.txt"));
    PATCHBAY_TRY(delta.new_id, id_in(notes, delta.name + "/sums-new.txt"));
    deltas.emplace(delta.name, std::move(delta));
  }
  return deltas;
}

bool is_image(const Composition& composition, const TarReader::Entry& entry) {
  if (entry.kind != Kind::file || !entry.name.starts_with("images/")) return false;
  return composition.layout == Composition::Layout::docker_compose ||
         module::base_name(entry.name) == "image.img";
}

}  // namespace

Result<Composition> parse_composition(Composition::Layout layout, const std::string& meta_data) {
  const auto root = json::parse(meta_data, nullptr, false);
  if (!root.is_object()) return Error{"meta-data must be a JSON object"};
  Composition composition;
  composition.layout = layout;
  PATCHBAY_CHECK(layout == Composition::Layout::app ? read_app(root, composition)
                                                    : read_docker_compose(root, composition));
  if (!is_project(composition.project)) {
    return Error{"meta-data: the project is called '" + composition.project +
                 "'; names are made of a-z, 0-9, _ and -, at least two and at most 60"};
  }
  PATCHBAY_TRY(composition.health, parse_health(meta_data));
  return composition;
}

Status unpack_manifests(const Composition& composition, const Context& context,
                        const std::string& into) {
  PATCHBAY_TRY(const auto path, manifests_in(context));
  PATCHBAY_TRY(auto reader, TarReader::open(path));
  if (::mkdir(into.c_str(), 0755) != 0) return Error::from_errno(errno, "make " + into);
  std::set<std::string> directories;
  std::uint64_t bytes = 0;
  while (true) {
    PATCHBAY_TRY(const auto entry, reader.next());
    if (!entry) break;
    const std::string name = without("manifests/", entry->name);
    if (name.empty()) continue;
    bytes += entry->size;
    if (entry->size > kMaxManifests || bytes > kMaxManifests) {
      return Error{"the manifests have more than " + module::human_size(kMaxManifests)};
    }
    PATCHBAY_CHECK(unpack_entry(reader, *entry, module::join_path(into, name))
                       .context(module::base_name(path)));
    if (entry->kind == Kind::directory) directories.insert(name);
  }
  PATCHBAY_CHECK(require_compose_file(into));
  if (!composition.environment.empty()) {
    const std::string file = module::join_path(into, ".env");
    if (module::exists(file))
      return Error{"there is 'env' in the meta-data and .env in the manifests"};
    PATCHBAY_CHECK(module::replace_file(file, composition.environment, 0600));
  }
  return sync_directories(into, directories);
}

Status for_each_image(const Composition& composition, const Context& context,
                      const DeltaDecoder& decoder,
                      const std::function<Status(const ImageArchive&)>& take) {
  const auto file = context.payload_file(kImages);
  if (!file) return Done{};  // all by digest, or there already
  std::map<std::string, Delta> deltas;
  if (composition.layout == Composition::Layout::app) {
    PATCHBAY_TRY(const auto notes, read_notes(file->path));
    PATCHBAY_TRY(deltas, deltas_in(notes));
  }
  for (const auto& [name, delta] : deltas)
    PATCHBAY_CHECK(decoder.check(delta));
  PATCHBAY_TRY(auto reader, TarReader::open(file->path));
  const std::string unpacked = context.tmp_path(kUnpacked);
  while (true) {
    PATCHBAY_TRY(const auto entry, reader.next());
    if (!entry) return Done{};
    if (entry->kind == Kind::link || entry->kind == Kind::other) {
      return Error{std::string{kImages} + ": '" + entry->name + "' is a link or a device"};
    }
    if (!is_image(composition, *entry)) continue;
    PATCHBAY_CHECK(module::remove_tree(unpacked));
    PATCHBAY_CHECK(module::require_free_space(context.tmp_path(""), entry->size, 1)
                       .context("room for " + entry->name));
    PATCHBAY_CHECK(reader.save(unpacked));
    const auto delta = deltas.find(entry->name.substr(0, entry->name.rfind('/')));
    PATCHBAY_TRY(const auto archive,
                 (delta == deltas.end() ? read_image_archive(unpacked)
                                        : decoder.decode(delta->second, unpacked))
                     .context(entry->name));
    PATCHBAY_CHECK(take(archive).context(entry->name));
    PATCHBAY_CHECK(remove_unpacked(context));
  }
}

Status remove_unpacked(const Context& context) {
  PATCHBAY_CHECK(DeltaDecoder::remove_files(context));
  return module::remove_tree(context.tmp_path(kUnpacked));
}

}  // namespace patchbay::containers
