#include "sdk/artifact/editing.hpp"

#include <algorithm>
#include <array>

#include "core/artifact/names.hpp"
#include "core/artifact/sha256.hpp"
#include "core/os/file.hpp"
#include "core/os/file_replacement.hpp"
#include "sdk/artifact/artifact_file.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::array kChecksumKeys{"rootfs-image.checksum", "rootfs_image_checksum"};
constexpr std::size_t kStep = 256 * kKiB;

Error refuse(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

template <typename Consume>
Status for_each_piece(const std::string& path, Consume consume) {
  PB_TRY(UniqueFd fd, os::open_file(path, O_RDONLY));
  os::FdSource source{std::move(fd), path};
  ByteVector buffer(kStep);
  while (true) {
    PB_TRY(const std::size_t count, source.read(buffer));
    if (count == 0) return Done{};
    PB_CHECK(consume(ByteSpan{buffer}.first(count)));
  }
}

Result<std::string> checksum_of(const std::string& path) {
  artifact::Sha256 sum;
  PB_CHECK(for_each_piece(path, [&](ByteSpan bytes) -> Status {
    sum.update(bytes);
    return Done{};
  }));
  PB_TRY(const artifact::Digest digest, sum.finish());
  return to_hex(digest);
}

/// Where a payload tells the checksum of its file, it is to be that of the new one.
Status update_checksum(artifact::Change& change, const artifact::Contents& contents,
                       std::size_t payload, const std::string& path) {
  artifact::ArtifactSpec spec = change.header ? *change.header : artifact::spec_of(contents.header);
  auto& provides = spec.payloads[payload].provides;
  for (const char* key : kChecksumKeys) {
    const auto found = provides.find(key);
    if (found == provides.end()) continue;
    PB_TRY(found->second, checksum_of(path));
    change.header = spec;
  }
  return Done{};
}

}  // namespace

Editing::Editing(Place place, TemporaryDirectory temporary)
    : place_{std::move(place)}, temporary_{std::move(temporary)}, file_{temporary_.file("file")} {
}

Result<Editing> Editing::begin(const Place& place, const std::string& temporary) {
  PB_TRY(TemporaryDirectory directory, TemporaryDirectory::make(temporary));
  Editing editing{place, std::move(directory)};
  PB_TRY(const bool is_image, Image::recognises(place.container));
  if (is_image && place.path.empty())
    return refuse(place.container + " is a file system: write " + place.container + ":/PATH");
  PB_CHECK(is_image ? editing.copy_image() : editing.read_artifact_file());
  return editing;
}

Status Editing::copy_image() {
  PB_TRY(auto sink, make_file(file_, 0600));
  has_file_ = true;
  return for_each_piece(place_.container, [&](ByteSpan bytes) { return sink->write(bytes); });
}

/// The first file that may be meant is taken out while the artifact is read; whether it was meant
/// is known only at the end.
Status Editing::read_artifact_file() {
  const auto wanted = [&](const artifact::PayloadFile& file) {
    if (os::exists(file_) || file.payload != place_.payload.value_or(file.payload)) return false;
    return place_.file.empty() || file.name == place_.file;
  };
  const artifact::FileSinks sinks =
      [&](const artifact::PayloadFile& file) -> Result<std::unique_ptr<artifact::ByteSink>> {
    if (!wanted(file)) return std::unique_ptr<artifact::ByteSink>{};
    return make_file(file_, 0600);
  };
  PB_TRY(contents_, read_artifact(place_.container, {}, sinks));
  return find_file();
}

Status Editing::find_file() {
  const std::size_t payloads = contents_->header.payloads.size();
  if (place_.payload && *place_.payload >= payloads) {
    return refuse(place_.container + " has no payload " + artifact::index_text(*place_.payload) +
                  "; there are " + std::to_string(payloads));
  }
  std::vector<const artifact::PayloadFile*> found;
  for (const auto& file : contents_->files) {
    const bool in_payload = file.payload == place_.payload.value_or(file.payload);
    if (in_payload && (place_.file.empty() || file.name == place_.file)) found.push_back(&file);
  }
  payload_ = place_.payload.value_or(0);
  name_ = place_.file;
  if (found.size() == 1) {
    payload_ = found[0]->payload;
    name_ = found[0]->name;
    mode_ = found[0]->mode;
    mtime_ = found[0]->mtime;
    has_file_ = true;
    return Done{};
  }
  if (found.size() > 1 && !place_.file.empty())
    return refuse("several payloads have a file " + name_ + "; write 0000/" + name_);
  if (place_.file.empty()) {
    return refuse(place_.container + " has " + std::to_string(contents_->files.size()) +
                  " payload files; write which one: " + place_.container + ":FILE:/PATH");
  }
  if (payloads == 1 || place_.payload) return Done{};
  return refuse(place_.container + " has several payloads, none with a file " + name_ +
                "; write which one: 0000/" + name_);
}

Result<Image> Editing::image() const {
  if (!has_file_)
    return Error{ErrorCode::not_found, place_.container + " has no payload file " + name_};
  return Image::open(file_).context(contents_ ? place_.container + ":" + name_ : place_.container);
}

Status Editing::put_back(const Call& call, const ChangeOptions& options, artifact::Change change) {
  if (!contents_) return replace_image(options);
  return apply(call, options, std::move(change), artifact::NewFile{file_, mode_, mtime_});
}

Status Editing::put(const Call& call, const ChangeOptions& options, const artifact::NewFile& file) {
  return apply(call, options, {}, file);
}

Status Editing::remove(const Call& call, const ChangeOptions& options) {
  if (!has_file_)
    return Error{ErrorCode::not_found, place_.container + " has no payload file " + name_};
  return apply(call, options, {}, std::nullopt);
}

Status Editing::apply(const Call& call, const ChangeOptions& options, artifact::Change change,
                      std::optional<artifact::NewFile> file) {
  if (file) PB_CHECK(update_checksum(change, *contents_, payload_, file->path));
  change.files[payload_][name_] = std::move(file);
  return apply_change(call, place_.container, *contents_, std::move(change), options);
}

Status Editing::replace_image(const ChangeOptions& options) {
  if (!options.keys.keys.empty())
    return refuse("--key: " + place_.container + " is an image, which cannot be signed");
  const std::string& target = options.output.empty() ? place_.container : options.output;
  PB_TRY(os::FileReplacement out, os::FileReplacement::begin(target));
  PB_CHECK(for_each_piece(file_, [&](ByteSpan bytes) { return out.write(bytes); }));
  return out.commit();
}

Result<artifact::NewFile> new_file(const std::string& path) {
  PB_TRY(const UniqueFd fd, os::open_file(path, O_RDONLY));
  PB_TRY(const artifact::FileAttributes attributes, artifact::attributes_of(fd.get()));
  return artifact::NewFile{path, attributes.mode & 0777U,
                           static_cast<std::int64_t>(attributes.mtime)};
}

}  // namespace patchbay::artifact_tool
