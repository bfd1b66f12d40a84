#include "sdk/artifact/editing.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <span>

#include "core/artifact/names.hpp"
#include "core/artifact/sha256.hpp"
#include "core/os/file.hpp"
#include "core/os/file_replacement.hpp"
#include "sdk/artifact/artifact_file.hpp"
#include "sdk/artifact/passage.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::array kChecksumKeys{"rootfs-image.checksum", "rootfs_image_checksum"};
constexpr std::size_t kStep = 256 * kKiB;

Error refuse(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

constexpr Extent kAll{0, std::numeric_limits<std::uint64_t>::max()};

/// The bytes of a file, or of a part of it.
template <typename Consume>
Status for_each_piece(const std::string& path, Consume consume, const Extent& extent = kAll) {
  PB_TRY(UniqueFd fd, os::open_file(path, O_RDONLY));
  if (::lseek(fd.get(), static_cast<off_t>(extent.offset), SEEK_SET) < 0)
    return Error::from_errno(errno, "seek in " + path);
  os::FdSource source{std::move(fd), path};
  ByteVector buffer(kStep);
  for (std::uint64_t left = extent.size; left > 0;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size()));
    PB_TRY(const std::size_t count, source.read(std::span{buffer}.first(wanted)));
    if (count == 0) return Done{};
    PB_CHECK(consume(ByteSpan{buffer}.first(count)));
    left -= count;
  }
  return Done{};
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

}  // namespace

Editing::Editing(Place place, TemporaryDirectory temporary)
    : place_{std::move(place)},
      temporary_{std::move(temporary)},
      file_{temporary_.file("file")},
      path_{place_.path} {
}

Result<Editing> Editing::begin(const Place& place, const std::string& temporary) {
  PB_TRY(TemporaryDirectory directory, TemporaryDirectory::make(temporary));
  Editing editing{place, std::move(directory)};
  PB_TRY(const FileSystem kind, file_system_of(place.container));
  PB_TRY(const bool disk, is_disk(place.container));
  if ((kind != FileSystem::none || disk) && place.path.empty()) {
    return refuse(place.container + (disk ? " is a disk" : " is a file system") + ": write " +
                  place.container + ":/PATH");
  }
  if (disk) {
    PB_CHECK(editing.copy_partitions());
  } else {
    PB_CHECK(kind == FileSystem::none ? editing.read_artifact_file() : editing.copy_image());
  }
  return editing;
}

Status Editing::copy_image() {
  return copy_part(kAll, file_);
}

/// A partition for the root file system may be there for updates to come, and empty.
Status Editing::copy_partitions() {
  PB_TRY(const DiskPlace found, find_on_disk(place_.container, path_));
  path_ = found.path;
  for (const Extent& extent : found.partitions) {
    const std::string file = temporary_.file("partition-" + std::to_string(parts_.size()));
    PB_CHECK(copy_part(extent, file));
    PB_TRY(const FileSystem kind, file_system_of(file));
    if (kind == FileSystem::none) parts_.pop_back();
  }
  if (!parts_.empty()) return Done{};
  return Error{ErrorCode::unsupported,
               place_.container + ": the partition where \"" + place_.path +
                   "\" would be holds no ext2, ext3, ext4 or FAT file system"};
}

Status Editing::copy_part(const Extent& extent, const std::string& file) {
  ::unlink(file.c_str());
  PB_TRY(auto sink, make_file(file, 0600));
  parts_.push_back({extent, file});
  has_file_ = true;
  return for_each_piece(
      place_.container, [&](ByteSpan bytes) { return sink->write(bytes); }, extent);
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

Result<std::unique_ptr<Image>> Editing::open(const std::string& file) const {
  if (!has_file_)
    return Error{ErrorCode::not_found, place_.container + " has no payload file " + name_};
  return open_image(file).context(contents_ ? place_.container + ":" + name_ : place_.container);
}

Result<std::unique_ptr<Image>> Editing::image() const {
  return open(parts_.empty() ? file_ : parts_.front().file);
}

Status Editing::change_images(const std::function<Status(Image&)>& change) {
  std::vector<std::string> files;
  for (const Part& part : parts_)
    files.push_back(part.file);
  if (files.empty()) files.push_back(file_);
  for (const std::string& file : files) {
    PB_TRY(const std::unique_ptr<Image> image, open(file));
    PB_CHECK(change(*image).context(place_.container));
    PB_CHECK(image->check().context(place_.container));
  }
  return Done{};
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

/// Sums of pieces are those of the only file. (Of an encrypted one nobody here knows what it was.)
bool Editing::can_have_pieces() const {
  if (is_encrypted(contents_->header.payloads[payload_])) return false;
  return std::none_of(contents_->files.begin(), contents_->files.end(), [&](const auto& file) {
    return file.payload == payload_ && file.name != name_;
  });
}

/// Returns the new ones, if there were any before.
Result<std::optional<PieceSums>> Editing::update_pieces(
    artifact::PayloadSpec& payload, const std::optional<artifact::NewFile>& file) const {
  std::optional<PieceSums> fresh;
  PB_TRY(const auto old, piece_sums_in(payload.meta_data));
  if (!old) return fresh;
  payload.meta_data = without_piece_sums(payload.meta_data);
  if (!file || !can_have_pieces()) return fresh;
  PB_TRY(fresh, piece_sums_of({name_, file->path}, old->size));
  payload.meta_data = with_piece_sums(payload.meta_data, *fresh);
  return fresh;
}

/// What the payload says about its file is to be true of the new one.
Status Editing::update_sums(artifact::Change& change,
                            const std::optional<artifact::NewFile>& file) const {
  artifact::ArtifactSpec spec =
      change.header ? *change.header : artifact::spec_of(contents_->header);
  artifact::PayloadSpec& payload = spec.payloads[payload_];
  const std::string meta_data = payload.meta_data;
  PB_TRY(const auto pieces, update_pieces(payload, file).context(place_.container));
  bool changed = payload.meta_data != meta_data;
  for (const char* key : kChecksumKeys) {
    const auto found = payload.provides.find(key);
    if (!file || found == payload.provides.end()) continue;
    PB_TRY(found->second, pieces ? Result<std::string>{pieces->of} : checksum_of(file->path));
    changed = true;
  }
  if (changed) change.header = std::move(spec);
  return Done{};
}

Status Editing::apply(const Call& call, const ChangeOptions& options, artifact::Change change,
                      std::optional<artifact::NewFile> file) {
  PB_CHECK(update_sums(change, file));
  change.files[payload_][name_] = std::move(file);
  return apply_change(call, place_.container, *contents_, std::move(change), options);
}

Status Editing::replace_image(const ChangeOptions& options) {
  if (!options.keys.keys.empty())
    return refuse("--key: " + place_.container + " is an image, which cannot be signed");
  const std::string& target = options.output.empty() ? place_.container : options.output;
  PB_TRY(os::FileReplacement out, os::FileReplacement::begin(target));
  const auto write = [&](ByteSpan bytes) { return out.write(bytes); };
  std::vector<Part> parts = parts_;
  std::sort(parts.begin(), parts.end(),
            [](const Part& a, const Part& b) { return a.extent.offset < b.extent.offset; });
  std::uint64_t at = 0;
  for (const Part& part : parts) {
    PB_CHECK(for_each_piece(place_.container, write, {at, part.extent.offset - at}));
    PB_CHECK(for_each_piece(part.file, write));
    at = part.extent.size == kAll.size ? kAll.size : part.extent.offset + part.extent.size;
  }
  if (at < kAll.size) PB_CHECK(for_each_piece(place_.container, write, {at, kAll.size}));
  return out.commit();
}

Result<artifact::NewFile> new_file(const std::string& path) {
  PB_TRY(const UniqueFd fd, os::open_file(path, O_RDONLY));
  PB_TRY(const artifact::FileAttributes attributes, artifact::attributes_of(fd.get()));
  return artifact::NewFile{path, attributes.mode & 0777U,
                           static_cast<std::int64_t>(attributes.mtime)};
}

}  // namespace patchbay::artifact_tool
