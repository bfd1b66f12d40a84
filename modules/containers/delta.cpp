#include "modules/containers/delta.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "modules/containers/tar_reader.hpp"
#include "modules/containers/tar_writer.hpp"
#include "modules/containers/vcdiff.hpp"
#include "patchbay/files.hpp"
#include "patchbay/run.hpp"
#include "sdk/slot/sha256.hpp"

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using Kind = TarReader::Entry::Kind;

// Beside the name of a layer, in place of it.
constexpr const char* kDifference = ".vcdiff";
constexpr const char* kSourceBlob = ".source";            // path of the old blob
constexpr const char* kSourceSum = ".current.sha256sum";  // sum of the old layer
constexpr std::array kSuffixes{kDifference, kSourceBlob, kSourceSum, ".new.sha256sum",
                               ".sha256sum"};
constexpr std::size_t kMaxNote = 4096;
constexpr const char* kDirectory = "delta";  // in the work tree
constexpr const char* kAdvice =
    "make the artifact with whole images, or from the image that is there";

using OnFile = std::function<Status(const TarReader::Entry& entry, TarReader& reader)>;

Status for_each_file(const std::string& path, const OnFile& on_file) {
  PATCHBAY_TRY(auto reader, TarReader::open(path));
  while (true) {
    PATCHBAY_TRY(const auto entry, reader.next());
    if (!entry) return Done{};
    if (entry->kind == Kind::file) PATCHBAY_CHECK(on_file(*entry, reader));
  }
}

Upload rest_of(TarReader& reader) {
  return [&reader](char* buffer, std::size_t size) { return reader.read(buffer, size); };
}

Result<std::string> sum_of(const Upload& content) {
  slot::Sha256 sum;
  std::array<char, 64 * 1024> buffer{};
  while (true) {
    PATCHBAY_TRY(const auto count, content(buffer.data(), buffer.size()));
    if (count == 0) return sum.finish();
    sum.update({buffer.data(), count});
  }
}

/// An image of which some layers are differences to those of another.
struct DeepDelta {
  ArchivedImage image;
  std::map<std::string, std::string> notes;    ///< name of a file beside a layer -> what it says
  std::map<std::string, std::uint64_t> makes;  ///< name of a difference -> size of the layer
  std::set<std::string> whole{};               ///< layers that are files

  [[nodiscard]] bool is_note(const std::string& name) const {
    return notes.contains(name) || makes.contains(name);
  }
  [[nodiscard]] std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [name, size] : makes)
      sum += size;
    return sum;
  }
};

Status take_note(DeepDelta& deep, const TarReader::Entry& entry, TarReader& reader) {
  if (entry.name.ends_with(kDifference)) {
    PATCHBAY_TRY(deep.makes[entry.name], decoded_size(rest_of(reader)).context(entry.name));
    return Done{};
  }
  PATCHBAY_TRY(auto text, reader.read_all(kMaxNote));
  text.erase(std::min(text.find_first_of(" \n"), text.size()));
  deep.notes[entry.name] = std::move(text);
  return Done{};
}

Result<DeepDelta> read_deep(const std::string& path) {
  PATCHBAY_TRY(const auto archive, read_image_archive(path, Layers::some));
  if (archive.images.size() != 1) return Error{"it holds several images"};
  DeepDelta deep{archive.images.front(), {}, {}};
  std::set<std::string> layers;
  std::set<std::string> beside;
  for (const ArchivedLayer& layer : deep.image.layers) {
    layers.insert(layer.name);
    for (const char* suffix : kSuffixes)
      beside.insert(layer.name + suffix);
  }
  PATCHBAY_CHECK(for_each_file(path, [&](const TarReader::Entry& entry, TarReader& reader) {
    if (layers.contains(entry.name)) deep.whole.insert(entry.name);
    return beside.contains(entry.name) ? take_note(deep, entry, reader) : Status{Done{}};
  }));
  return deep;
}

/// Sum of the old layer that the difference of `layer` starts from.
std::string source_of(const DeepDelta& deep, const std::string& layer) {
  const auto note = [&](const char* suffix) {
    const auto found = deep.notes.find(layer + suffix);
    return found == deep.notes.end() ? "" : found->second;
  };
  const std::string sum = note(kSourceSum);
  return sum.empty() ? module::base_name(note(kSourceBlob)) : sum;
}

/// Names of the files in an archive by the sums of their content.
Result<std::map<std::string, std::string>> names_by_sum(const std::string& path) {
  std::map<std::string, std::string> names;
  PATCHBAY_CHECK(
      for_each_file(path, [&](const TarReader::Entry& entry, TarReader& reader) -> Status {
        PATCHBAY_TRY(const auto sum, sum_of(rest_of(reader)));
        names.emplace(sum, entry.name);
        return Done{};
      }));
  return names;
}

/// Has `on_file` take the file `name` of an archive.
Status with_file(const std::string& archive, const std::string& name, const OnFile& on_file) {
  bool found = false;
  PATCHBAY_CHECK(for_each_file(archive, [&](const TarReader::Entry& entry, TarReader& reader) {
    if (found || entry.name != name) return Status{Done{}};
    found = true;
    return on_file(entry, reader);
  }));
  return found ? Status{Done{}} : Error{"'" + name + "' is missing"};
}

Status save_file(const std::string& archive, const std::string& name, const std::string& path) {
  PATCHBAY_CHECK(module::remove_tree(path));
  return with_file(archive, name,
                   [&](const TarReader::Entry&, TarReader& reader) { return reader.save(path); });
}

Status add_from(const std::string& archive, const std::string& name, TarWriter& writer,
                const std::string& as) {
  return with_file(archive, name, [&](const TarReader::Entry& entry, TarReader& reader) {
    return writer.add(as, entry.size, rest_of(reader));
  });
}

Status add_file(TarWriter& writer, const std::string& name, const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return Error::from_errno(errno, "look at " + path);
  PATCHBAY_TRY(const auto content, content_of(path));
  return writer.add(name, static_cast<std::uint64_t>(status.st_size), content);
}

/// That each layer has the sum that the image says. (What is a link is read by the engine, which
/// holds it against the same sum.)
Status check_layers(const ImageArchive& archive) {
  std::map<std::string, std::string> wanted;
  for (const ArchivedImage& image : archive.images) {
    for (const ArchivedLayer& layer : image.layers) {
      if (layer.sum.empty()) return Error{"nothing says what sum '" + layer.name + "' has to have"};
      wanted[layer.name] = layer.sum;
    }
  }
  return for_each_file(
      archive.path, [&](const TarReader::Entry& entry, TarReader& reader) -> Status {
        const auto found = wanted.find(entry.name);
        if (found == wanted.end()) return Done{};
        PATCHBAY_TRY(const auto sum, sum_of(rest_of(reader)));
        if (sum == found->second) return Done{};
        return Error{"layer '" + entry.name + "' has the sum " + sum + " and not " + found->second};
      });
}

Status check_image(const ImageArchive& archive, const std::string& id) {
  if (archive.images.size() != 1) return Error{"there are several images in it"};
  const std::string& have = archive.images.front().id;
  if (have != id) return Error{"it is image " + have + " and not " + id};
  return check_layers(archive);
}

}  // namespace

/// What the layers of an image are made from.
struct DeltaDecoder::Sources {
  DeepDelta deep;
  std::string path;                         ///< of the archive of `deep`
  std::map<std::string, std::string> olds;  ///< sum -> name in the old image's archive
};

std::string DeltaDecoder::file(const char* name) const {
  return module::join_path(context_->tmp_path(kDirectory), name);
}

Status DeltaDecoder::remove_files(const module::Context& context) {
  return module::remove_tree(context.tmp_path(kDirectory));
}

Status DeltaDecoder::check(const Delta& delta) const {
  const std::string& program = command_.front();
  const bool there = program.starts_with('/') ? module::exists(program)
                                              : module::find_program(program).has_value();
  if (!there) {
    return Error{delta.name + " is a delta, for which " + program +
                 " is needed; install it (Debian: apt install xdelta3), or make the artifact with "
                 "whole images"};
  }
  PATCHBAY_TRY(const auto old, engine_->image(delta.old_id));
  if (!old) {
    return Error{delta.name + " is a delta to image " + delta.old_name + ", " + delta.old_id +
                 ", which is not on the device; " + kAdvice};
  }
  if (delta.kind == Delta::Kind::deep) return Done{};
  PATCHBAY_TRY(const auto named, engine_->image(delta.old_name));
  if (named && named->id == delta.old_id) return Done{};
  return Error{delta.name + " is a delta to what `docker save " + delta.old_name +
               "` writes, and that is not " + delta.old_id + " here but " +
               (named ? named->id : "nothing") + "; give it that name, or " + kAdvice};
}

Status DeltaDecoder::save_old(const Delta& delta, std::uint64_t makes, std::uint64_t brings) const {
  PATCHBAY_TRY(const auto old, engine_->image(delta.old_id));
  const std::uint64_t size = old ? old->size : 0;
  // The old image and the new one; with deep deltas, what both have, and layers on their own.
  const bool deep = delta.kind == Delta::Kind::deep;
  const std::uint64_t bytes = deep ? 2 * (size + makes + brings) : size + makes;
  if (bytes < makes) return Error{"it makes more than any disk can hold"};
  PATCHBAY_CHECK(module::require_free_space(context_->tmp_path(""), bytes, 6)
                     .context("room for the old and the new image"));
  // What goes with a name is written by its name only.
  PATCHBAY_CHECK(engine_->save(deep ? delta.old_id : delta.old_name, file("old.tar")));
  PATCHBAY_TRY(const auto archive, read_image_archive(file("old.tar")));
  return check_image(archive, delta.old_id).context("image " + delta.old_name + " of this device");
}

Status DeltaDecoder::apply(const std::string& old_file, const std::string& delta_file,
                           const std::string& new_file) const {
  module::Program program{.path = command_.front(),
                          .arguments = {command_.begin() + 1, command_.end()}};
  if (const auto path = module::find_program(program.path); path) program.path = *path;
  program.arguments.insert(program.arguments.end(), {old_file, delta_file, new_file});
  PATCHBAY_TRY(const auto exit, module::run(program));
  if (exit.success()) return Done{};
  return Error{module::base_name(program.path) + ": " + exit.describe()};
}

Status DeltaDecoder::decode_whole(const Delta& delta, const std::string& path) const {
  PATCHBAY_TRY(const auto content, content_of(path));
  PATCHBAY_TRY(const auto makes, decoded_size(content));
  PATCHBAY_CHECK(save_old(delta, makes, 0));
  if (auto done = apply(file("old.tar"), path, file("image.tar")); !done) {
    return Error{done.error().message() +
                 "; most likely the engine of this device writes its images in another form than "
                 "the one that the delta was made with: make a deep delta, or whole images"};
  }
  return module::remove_tree(file("old.tar"));
}

Status DeltaDecoder::add_layer(TarWriter& writer, const Sources& from,
                               const ArchivedLayer& layer) const {
  const auto old = [&](const std::string& sum) -> Result<std::string> {
    const auto found = from.olds.find(sum);
    if (found != from.olds.end()) return found->second;
    return Error{"the old image has no layer with the sum '" + sum + "'; " + kAdvice};
  };
  // `docker save` writes a layer that is there twice as a link the second time.
  for (const ArchivedLayer& twin : from.deep.image.layers) {
    if (twin.sum != layer.sum) continue;
    if (from.deep.whole.contains(twin.name)) {
      return add_from(from.path, twin.name, writer, layer.name);
    }
    const std::string difference = twin.name + kDifference;
    if (!from.deep.makes.contains(difference)) continue;
    PATCHBAY_TRY(const auto name, old(source_of(from.deep, twin.name)));
    PATCHBAY_CHECK(save_file(file("old.tar"), name, file("old")));
    PATCHBAY_CHECK(save_file(from.path, difference, file("difference")));
    PATCHBAY_CHECK(module::remove_tree(file("new")));
    PATCHBAY_CHECK(apply(file("old"), file("difference"), file("new")));
    return add_file(writer, layer.name, file("new"));
  }
  PATCHBAY_TRY(const auto name, old(layer.sum));
  return add_from(file("old.tar"), name, writer, layer.name);
}

Status DeltaDecoder::decode_deep(const Delta& delta, const std::string& path) const {
  PATCHBAY_TRY(auto deep, read_deep(path));
  if (deep.image.id != delta.new_id) {
    return Error{"it makes image " + deep.image.id + " and not " + delta.new_id};
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return Error::from_errno(errno, "look at " + path);
  PATCHBAY_CHECK(save_old(delta, deep.bytes(), static_cast<std::uint64_t>(status.st_size)));
  PATCHBAY_TRY(auto olds, names_by_sum(file("old.tar")));
  const Sources from{std::move(deep), path, std::move(olds)};

  PATCHBAY_TRY(auto writer, TarWriter::create(file("image.tar")));
  PATCHBAY_CHECK(for_each_file(path, [&](const TarReader::Entry& entry, TarReader& reader) {
    return from.deep.is_note(entry.name) ? Status{Done{}}
                                         : writer.add(entry.name, entry.size, rest_of(reader));
  }));
  std::set<std::string> there = from.deep.whole;
  for (const ArchivedLayer& layer : from.deep.image.layers) {
    if (!there.insert(layer.name).second) continue;
    PATCHBAY_CHECK(add_layer(writer, from, layer).context(layer.name));
  }
  for (const char* name : {"old.tar", "old", "difference", "new"})
    PATCHBAY_CHECK(module::remove_tree(file(name)));
  return writer.finish();
}

Result<ImageArchive> DeltaDecoder::decode(const Delta& delta, const std::string& path) const {
  PATCHBAY_CHECK(remove_files(*context_));
  const std::string directory = context_->tmp_path(kDirectory);
  if (::mkdir(directory.c_str(), 0700) != 0) return Error::from_errno(errno, "make " + directory);
  PATCHBAY_CHECK(delta.kind == Delta::Kind::deep ? decode_deep(delta, path)
                                                 : decode_whole(delta, path));
  PATCHBAY_TRY(auto archive, read_image_archive(file("image.tar")));
  PATCHBAY_CHECK(check_image(archive, delta.new_id).context("what the delta makes is not right"));
  return archive;
}

}  // namespace patchbay::containers
