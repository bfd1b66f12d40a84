#include "modules/containers/image_archive.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#define JSON_NO_IO 1
#include <nlohmann/json.hpp>

#include "modules/containers/tar_reader.hpp"
#include "modules/containers/tar_writer.hpp"
#include "patchbay/files.hpp"
#include "sdk/slot/sha256.hpp"

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

constexpr std::size_t kSmall = 1024 * 1024;           // no description is longer
constexpr std::size_t kAllSmall = 32U * 1024 * 1024;  // nor are all of them

bool fits(const TarReader::Entry& entry) {
  return entry.kind == TarReader::Entry::Kind::directory ||
         (entry.kind == TarReader::Entry::Kind::file && entry.name.size() <= kMaxNameInTar &&
          entry.size <= kMaxInTar);
}

/// What is replaced by our own list of images.
bool is_list(const std::string& name) {
  return name == "manifest.json" || name == "repositories" || name == "index.json" ||
         name == "oci-layout";
}

/// The names in an archive, and the content of what may be a description.
struct Inventory {
  std::set<std::string> names;
  std::map<std::string, std::string> small;
  std::uint64_t bytes = 0;
  bool plain = true;  ///< made of files that fit into the oldest form of tar
};

Result<Inventory> take_inventory(const std::string& path) {
  PATCHBAY_TRY(auto reader, TarReader::open(path));
  Inventory inventory;
  std::size_t kept = 0;
  while (true) {
    PATCHBAY_TRY(const auto entry, reader.next());
    if (!entry) return inventory;
    if (entry->kind == TarReader::Entry::Kind::other) {
      return Error{module::base_name(path) + ": '" + entry->name + "' is a device or a pipe"};
    }
    inventory.names.insert(entry->name);
    inventory.bytes += entry->size;
    inventory.plain = inventory.plain && fits(*entry);
    if (entry->kind != TarReader::Entry::Kind::file || entry->size > kSmall) continue;
    PATCHBAY_TRY(auto content, reader.read_all(kSmall));
    if (!content.starts_with('{') && !content.starts_with('[')) continue;
    kept += content.size();
    if (kept > kAllSmall) return Error{module::base_name(path) + " holds too many descriptions"};
    inventory.small[entry->name] = std::move(content);
  }
}

Result<json> description(const Inventory& inventory, const std::string& name) {
  const auto found = inventory.small.find(name);
  if (found == inventory.small.end()) return Error{"'" + name + "' is missing"};
  auto parsed = json::parse(found->second, nullptr, false);
  if (parsed.is_discarded()) return Error{"'" + name + "' is not JSON"};
  return parsed;
}

Result<std::string> text_in(const json& object, const char* key) {
  if (object.is_object() && object.contains(key) && object[key].is_string()) {
    return object[key].get<std::string>();
  }
  return Error{"a description lacks '" + std::string{key} + "'"};
}

/// What the configuration says its layers are, unpacked.
Result<std::vector<std::string>> sums_in(const std::string& configuration) {
  const auto parsed = json::parse(configuration, nullptr, false);
  const json::json_pointer pointer{"/rootfs/diff_ids"};
  std::vector<std::string> sums;
  if (!parsed.is_object() || !parsed.contains(pointer) || !parsed.at(pointer).is_array()) {
    return sums;
  }
  for (const json& one : parsed.at(pointer)) {
    if (!one.is_string() || !one.get<std::string>().starts_with("sha256:")) {
      return Error{"the configuration names a layer by " + one.dump()};
    }
    sums.push_back(one.get<std::string>().substr(7));
  }
  return sums;
}

/// Blobs are called by their own sum, other layers are known by that of their content.
Result<std::vector<ArchivedLayer>> layers_of(const Inventory& inventory, const json& entry,
                                             const std::string& configuration) {
  constexpr std::string_view kBlobs = "blobs/sha256/";
  PATCHBAY_TRY(const auto sums, sums_in(configuration));
  std::vector<ArchivedLayer> layers;
  for (const json& one : entry["Layers"]) {
    if (!one.is_string()) return Error{"manifest.json names no layer by " + one.dump()};
    ArchivedLayer layer{.name = one.get<std::string>()};
    layer.there = inventory.names.contains(layer.name);
    if (layer.name.starts_with(kBlobs)) {
      layer.sum = layer.name.substr(kBlobs.size());
    } else if (sums.size() == entry["Layers"].size()) {
      layer.sum = sums[layers.size()];
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

Result<ArchivedImage> read_docker_image(const Inventory& inventory, const json& entry) {
  PATCHBAY_TRY(const auto config, text_in(entry, "Config"));
  const auto found = inventory.small.find(config);
  if (found == inventory.small.end()) return Error{"'" + config + "' is missing"};
  ArchivedImage image;
  PATCHBAY_TRY(const auto sum, slot::sha256_of(found->second));
  image.id = "sha256:" + sum;
  if (!entry.contains("Layers") || !entry["Layers"].is_array()) {
    return Error{"manifest.json lists no layers"};
  }
  PATCHBAY_TRY(image.layers, layers_of(inventory, entry, found->second));
  if (entry.contains("RepoTags") && entry["RepoTags"].is_array()) {
    for (const json& name : entry["RepoTags"])
      if (name.is_string()) image.names.push_back(name.get<std::string>());
  }
  return image;
}

Status read_docker(const Inventory& inventory, ImageArchive& archive) {
  PATCHBAY_TRY(auto manifest, description(inventory, "manifest.json"));
  if (!manifest.is_array()) return Error{"manifest.json is not a list"};
  for (json& entry : manifest) {
    PATCHBAY_TRY(auto image, read_docker_image(inventory, entry));
    archive.images.push_back(std::move(image));
    entry["RepoTags"] = nullptr;
  }
  if (inventory.plain) archive.manifest = manifest.dump();
  return Done{};
}

/// "sha256:abc" -> "blobs/sha256/abc"
Result<std::string> blob_of(const json& descriptor) {
  PATCHBAY_TRY(const auto digest, text_in(descriptor, "digest"));
  if (!digest.starts_with("sha256:") || digest.size() != 71 ||
      digest.find_first_not_of("0123456789abcdef", 7) != std::string::npos) {
    return Error{"'" + digest + "' is no sha256 digest"};
  }
  return "blobs/sha256/" + digest.substr(7);
}

std::vector<std::string> names_of(const json& descriptor) {
  for (const char* key : {"io.containerd.image.name", "org.opencontainers.image.ref.name"}) {
    const json::json_pointer pointer = json::json_pointer{"/annotations"} / key;
    if (!descriptor.contains(pointer) || !descriptor.at(pointer).is_string()) continue;
    auto name = descriptor.at(pointer).get<std::string>();
    // A tag alone names nothing.
    if (name.find_first_of(":/") != std::string::npos) return {std::move(name)};
  }
  return {};
}

Result<json> read_oci_image(const Inventory& inventory, const json& descriptor) {
  PATCHBAY_TRY(const auto manifest_blob, blob_of(descriptor));
  PATCHBAY_TRY(const auto manifest, description(inventory, manifest_blob));
  if (!manifest.contains("config") || !manifest.contains("layers") ||
      !manifest["layers"].is_array()) {
    return Error{"'" + manifest_blob +
                 "' is not the manifest of one image; archives for several "
                 "platforms are not taken, pick one with skopeo copy --override-arch"};
  }
  json entry{{"RepoTags", names_of(descriptor)}, {"Layers", json::array()}};
  PATCHBAY_TRY(entry["Config"], blob_of(manifest["config"]));
  for (const json& layer : manifest["layers"]) {
    PATCHBAY_TRY(auto blob, blob_of(layer));
    entry["Layers"].push_back(std::move(blob));
  }
  return entry;
}

Status read_oci(const Inventory& inventory, ImageArchive& archive) {
  PATCHBAY_TRY(const auto index, description(inventory, "index.json"));
  if (!index.contains("manifests") || !index["manifests"].is_array()) {
    return Error{"index.json lists no images"};
  }
  json manifest = json::array();
  for (const json& descriptor : index["manifests"]) {
    PATCHBAY_TRY(auto entry, read_oci_image(inventory, descriptor));
    PATCHBAY_TRY(auto image, read_docker_image(inventory, entry));
    archive.images.push_back(std::move(image));
    entry["RepoTags"] = nullptr;
    manifest.push_back(std::move(entry));
  }
  if (!inventory.plain) return Error{"it holds links, or files that are too big"};
  archive.manifest = manifest.dump();
  return Done{};
}

/// The files of an archive of either layout, with our own list of images behind them.
class ListedUpload {
 public:
  ListedUpload(TarReader reader, std::string manifest)
      : reader_{std::move(reader)}, manifest_{std::move(manifest)} {}

  Result<std::size_t> read(char* buffer, std::size_t size) {
    while (ready_.empty() && !ended_)
      PATCHBAY_CHECK(advance());
    const std::size_t count = std::min(size, ready_.size());
    std::copy_n(ready_.begin(), count, buffer);
    ready_.erase(0, count);
    return count;
  }

 private:
  Status advance() {
    if (left_ > 0) {
      std::array<char, 64 * 1024> block{};
      PATCHBAY_TRY(const auto count, reader_.read(block.data(), block.size()));
      if (count == 0 || count > left_) return Error{"the archive ends in the middle of a file"};
      left_ -= count;
      ready_.assign(block.data(), count);
      if (left_ == 0) ready_.append(padding_, '\0');
      return Done{};
    }
    PATCHBAY_TRY(const auto entry, reader_.next());
    if (!entry) {
      finish();
    } else if (entry->kind == TarReader::Entry::Kind::file && !is_list(entry->name)) {
      begin(entry->name, entry->size);
    }
    return Done{};
  }

  void begin(const std::string& name, std::uint64_t size) {
    ready_ = tar_header(name, size);
    left_ = size;
    padding_ = tar_padding(size);
  }

  void finish() {
    begin("manifest.json", manifest_.size());
    left_ = 0;
    ready_ += manifest_ + std::string(padding_ + 2 * kTarBlock, '\0');
    ended_ = true;
  }

  TarReader reader_;
  std::string manifest_;
  std::string ready_;
  std::uint64_t left_ = 0;
  std::size_t padding_ = 0;
  bool ended_ = false;
};

Status read_layout(const Inventory& inventory, ImageArchive& archive) {
  if (inventory.names.contains("manifest.json")) return read_docker(inventory, archive);
  if (inventory.names.contains("index.json")) return read_oci(inventory, archive);
  return Error{"it has neither a manifest.json nor an index.json: no archive of images"};
}

Status require_layers(const ImageArchive& archive) {
  for (const ArchivedImage& image : archive.images)
    for (const ArchivedLayer& layer : image.layers)
      if (!layer.there) return Error{"the layer '" + layer.name + "' is missing"};
  return Done{};
}

}  // namespace

Result<ImageArchive> read_image_archive(const std::string& path, Layers layers) {
  PATCHBAY_TRY(const auto inventory, take_inventory(path));
  ImageArchive archive{path, {}, inventory.bytes};
  PATCHBAY_CHECK(read_layout(inventory, archive).context(module::base_name(path)));
  if (archive.images.empty()) return Error{module::base_name(path) + " holds no image"};
  if (layers == Layers::all) {
    PATCHBAY_CHECK(require_layers(archive).context(module::base_name(path)));
  }
  return archive;
}

Result<Upload> upload_of(const ImageArchive& archive) {
  if (!archive.manifest.empty()) {
    PATCHBAY_TRY(auto reader, TarReader::open(archive.path));
    auto upload = std::make_shared<ListedUpload>(std::move(reader), archive.manifest);
    return Upload{[upload](char* buffer, std::size_t size) { return upload->read(buffer, size); }};
  }
  return content_of(archive.path);
}

}  // namespace patchbay::containers
