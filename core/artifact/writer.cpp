#include "core/artifact/writer.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/artifact/compress.hpp"
#include "core/artifact/header_writer.hpp"
#include "core/artifact/input_files.hpp"
#include "core/artifact/names.hpp"
#include "core/artifact/sha256.hpp"
#include "core/artifact/tar_writer.hpp"
#include "core/artifact/trailing_sum.hpp"
#include "core/os/file.hpp"
#include "core/os/pending_file.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kStep = 256 * kKiB;
constexpr int kMostAttempts = 4;

/// The file being written. What is not known in time is left open and filled in later.
class OutputFile final : public ByteSink {
 public:
  OutputFile(int fd, std::optional<std::uint64_t> most_bytes) : fd_{fd}, most_bytes_{most_bytes} {}

  Status write(ByteSpan bytes) override {
    if (most_bytes_ && bytes.size() > *most_bytes_ - std::min(*most_bytes_, size_)) {
      return Error{ErrorCode::no_space, "the artifact becomes larger than the limit of " +
                                            std::to_string(*most_bytes_) + " bytes"};
    }
    PB_CHECK(os::write_all(fd_, bytes));
    size_ += bytes.size();
    return Done{};
  }
  Status write(std::string_view text) { return write(as_bytes(text)); }

  Status fill_in(std::uint64_t at, std::string_view text) {
    if (::lseek(fd_, static_cast<off_t>(at), SEEK_SET) < 0) return Error::from_errno(errno, "seek");
    PB_CHECK(os::write_all(fd_, as_bytes(text)));
    return ::lseek(fd_, 0, SEEK_END) < 0 ? Status{Error::from_errno(errno, "seek")} : Done{};
  }

  Status start_over() {
    if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) < 0)
      return Error::from_errno(errno, "truncate");
    size_ = 0;
    return Done{};
  }

  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  int fd_;
  std::optional<std::uint64_t> most_bytes_;
  std::uint64_t size_ = 0;
};

class StringSink final : public ByteSink {
 public:
  Status write(ByteSpan bytes) override {
    text.append(as_text(bytes));
    return Done{};
  }
  std::string text;
};

/// What is known about the payload files; before they have been read, sums of nothing stand in.
using Digests = std::vector<std::vector<Digest>>;

Error changed_meanwhile() {
  return {ErrorCode::invalid_input, "the file changed while it was read"};
}

std::string manifest_line(const Digest& digest, const std::string& path) {
  return to_hex(digest) + "  " + path + "\n";
}

class Writer {
 public:
  Writer(const ArtifactSpec& spec, const WriteOptions& options, OutputFile& out)
      : spec_{spec}, options_{options}, out_{out}, suffix_{suffix_of(spec.compression.kind)} {}

  Status write();

 private:
  Status look_at_files();
  Result<std::string> front() const;
  [[nodiscard]] std::string manifest_lines(std::size_t payload, std::size_t begin,
                                           std::size_t end) const;
  Result<std::string> packed_header() const;
  Result<std::string> packed_augment() const;
  [[nodiscard]] Result<std::string> packed(const std::string& text) const;
  [[nodiscard]] Result<std::string> signatures(const std::string& manifest) const;
  Status write_payloads();
  Status write_data(std::size_t payload);
  Result<std::uint64_t> write_data_tar(std::size_t payload);
  Result<Digest> copy_content(const PayloadSpec::File& file, std::uint64_t size, ByteSink& out);

  const ArtifactSpec& spec_;
  const WriteOptions& options_;
  OutputFile& out_;
  std::string suffix_;
  std::vector<std::vector<PayloadSpec::File>> files_;  // the augmented ones last
  std::vector<std::vector<TarMember>> members_;        // of the data tars
  Digests digests_;
  std::array<ByteVector, TrailingSum::kBehind + 1> buffers_;  // in turn: the sum trails behind
  std::size_t turn_ = 0;
  TrailingSum sum_;                     // after what it reads: destroyed first
  std::uint64_t done_ = 0, total_ = 0;  // bytes of payload files
};

/// Everything in front of the payloads depends on their checksums, but its length does not, or
/// hardly: the compressed header may differ by a few bytes, which matters when they cross the edge
/// of a block. So room is left, the files are read once, and only in that rare case once more.
Status Writer::write() {
  PB_CHECK(look_at_files());
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    PB_TRY(const std::string guess, front());
    PB_CHECK(out_.start_over());
    PB_CHECK(out_.write(guess));
    PB_CHECK(write_payloads());
    PB_CHECK(out_.write(std::string(kTarEndBytes, '\0')));
    PB_TRY(const std::string real, front());
    if (real.size() == guess.size()) return out_.fill_in(0, real);
  }
  return Error{ErrorCode::internal, "the length of the header does not settle"};
}

Status Writer::look_at_files() {
  for (const PayloadSpec& payload : spec_.payloads) {
    std::vector<PayloadSpec::File>& files = files_.emplace_back(payload.files);
    if (payload.augment)
      files.insert(files.end(), payload.augment->files.begin(), payload.augment->files.end());
    std::vector<TarMember>& members = members_.emplace_back();
    for (const auto& file : files) {
      PB_TRY(TarMember member, member_of(file, spec_.habits));
      total_ += member.size;
      members.push_back(std::move(member));
    }
    PB_TRY(const Digest nothing, sha256({}));
    digests_.emplace_back(files.size(), nothing);
  }
  return Done{};
}

std::string Writer::manifest_lines(std::size_t payload, std::size_t begin, std::size_t end) const {
  std::string lines;
  for (std::size_t k = begin; k < end; ++k) {
    lines += manifest_line(digests_[payload][k],
                           "data/" + index_text(payload) + "/" + members_[payload][k].name);
  }
  return lines;
}

/// The entries up to the header, or the augmented one.
Result<std::string> Writer::front() const {
  PB_TRY(const std::string header, packed_header());
  PB_TRY(const Digest header_sum, sha256(as_bytes(header)));
  PB_TRY(const Digest version_sum, sha256(as_bytes(kVersionText)));
  std::string manifest;
  for (std::size_t i = 0; i < spec_.payloads.size(); ++i)
    manifest += manifest_lines(i, 0, spec_.payloads[i].files.size());
  manifest += manifest_line(header_sum, "header.tar" + suffix_);
  manifest += manifest_line(version_sum, "version");

  TarMember entry;
  const auto named = [&entry](const std::string& name) -> const TarMember& {
    entry.name = name;
    return entry;
  };
  std::string text = tar_entry_text(named("version"), kVersionText);
  text += tar_entry_text(named("manifest"), manifest);
  if (!spec_.signing_keys.empty()) {
    PB_TRY(const std::string lines, signatures(manifest));
    text += tar_entry_text(named("manifest.sig"), lines);
  }
  const bool augmented = spec_.payloads.front().augment.has_value();
  std::string augment;
  if (augmented) {
    PB_TRY(augment, packed_augment());
    PB_TRY(const Digest sum, sha256(as_bytes(augment)));
    text += tar_entry_text(
        named("manifest-augment"),
        manifest_lines(0, spec_.payloads.front().files.size(), files_.front().size()) +
            manifest_line(sum, "header-augment.tar" + suffix_));
  }
  if (spec_.habits == Habits::mender) set_attributes(entry, attributes_of_this_process());
  text += tar_entry_text(named("header.tar" + suffix_), header);
  return augmented ? text + tar_entry_text(named("header-augment.tar" + suffix_), augment) : text;
}

Result<std::string> Writer::packed_header() const {
  ArtifactSpec spec = spec_;
  for (std::size_t i = 0; i < spec.payloads.size(); ++i) {
    PayloadSpec& payload = spec.payloads[i];
    if (!payload.checksum_key.empty() && !payload.files.empty())
      payload.provides[payload.checksum_key] = to_hex(digests_[i].front());
  }
  PB_TRY(const std::string header, header_tar_text(spec));
  return packed(header);
}

Result<std::string> Writer::packed_augment() const {
  PB_TRY(const std::string header, header_augment_tar_text(spec_));
  return packed(header);
}

Result<std::string> Writer::packed(const std::string& text) const {
  StringSink packed;
  CompressionSettings settings = spec_.compression;
  settings.threads = 1;
  PB_TRY(const auto compressor, make_compressor(settings, packed));
  PB_CHECK(compressor->write(as_bytes(text)));
  PB_CHECK(compressor->finish());
  return std::move(packed.text);
}

Result<std::string> Writer::signatures(const std::string& manifest) const {
  std::string text;
  for (const SigningKey& key : spec_.signing_keys) {
    PB_TRY(const std::string line, key.sign(manifest));
    text += (text.empty() ? "" : "\n") + line;
  }
  return text;
}

Status Writer::write_payloads() {
  done_ = 0;
  for (std::size_t i = 0; i < spec_.payloads.size(); ++i)
    PB_CHECK(write_data(i).context("payload " + std::to_string(i)));
  return Done{};
}

Status Writer::write_data(std::size_t payload) {
  std::uint64_t most = kTarEndBytes;
  for (const TarMember& member : members_[payload])
    most += member.size + 4 * 512;
  TarMember entry;
  entry.name = "data/" + index_text(payload) + ".tar" + suffix_;
  if (spec_.habits == Habits::mender) set_attributes(entry, attributes_of_this_process());
  // The compressed size is known only afterwards; room for a large one is left where it may be one.
  // (Compression can make random bytes larger by a little, hence the margin.)
  if (most + most / 64 >= kUstarSizeLimit) entry.size_record = SizeRecord::always;
  const std::uint64_t at = out_.size();
  PB_CHECK(out_.write(tar_header_text(entry)));
  PB_TRY(entry.size, write_data_tar(payload));
  PB_CHECK(out_.write(std::string(tar_padding(entry.size), '\0')));
  return out_.fill_in(at, tar_header_text(entry));
}

/// Returns how many bytes it wrote.
Result<std::uint64_t> Writer::write_data_tar(std::size_t payload) {
  const std::uint64_t begin = out_.size();
  PB_TRY(const auto tar, make_compressor(spec_.compression, out_));
  for (std::size_t k = 0; k < members_[payload].size(); ++k) {
    const TarMember& member = members_[payload][k];
    PB_CHECK(tar->write(as_bytes(tar_header_text(member))));
    const PayloadSpec::File& file = files_[payload][k];
    PB_TRY(digests_[payload][k], copy_content(file, member.size, *tar).context(member.name));
    if (!file.sha256.empty() && file.sha256 != to_hex(digests_[payload][k]))
      return changed_meanwhile().context(member.name);
    PB_CHECK(tar->write(as_bytes(std::string(tar_padding(member.size), '\0'))));
  }
  PB_CHECK(tar->write(as_bytes(std::string(kTarEndBytes, '\0'))));
  PB_CHECK(tar->finish());
  return out_.size() - begin;
}

/// Copies exactly what the tar header promises and returns its SHA-256.
Result<Digest> Writer::copy_content(const PayloadSpec::File& file, std::uint64_t size,
                                    ByteSink& out) {
  PB_TRY(const auto source, open_content(file));
  for (std::uint64_t left = size;;) {
    ByteVector& buffer = buffers_[turn_++ % buffers_.size()];
    buffer.resize(kStep);
    PB_TRY(const std::size_t count, source->read(buffer));
    if (count > left || (count == 0 && left > 0)) return changed_meanwhile();
    if (count == 0) return sum_.finish();
    const ByteSpan bytes = ByteSpan{buffer}.first(count);
    PB_CHECK(sum_.update(bytes));
    PB_CHECK(out.write(bytes));
    left -= count;
    done_ += count;
    if (options_.progress) options_.progress(done_, total_);
  }
}

Result<std::uint64_t> write_file(const ArtifactSpec& spec, const WriteOptions& options,
                                 const std::string& path) {
  PB_TRY(os::PendingFile file, os::PendingFile::create(path + ".tmp"));
  OutputFile out{file.fd(), options.most_bytes};
  PB_CHECK(Writer(spec, options, out).write());
  // Without waiting for the disk: after a power cut a build is made again.
  PB_CHECK(file.place(path));
  return out.size();
}

}  // namespace

Result<std::uint64_t> write_artifact(const ArtifactSpec& spec, const std::string& path,
                                     const WriteOptions& options) {
  PB_CHECK(check_spec(spec).context("artifact " + printable(spec.name)));
  return write_file(spec, options, path).context("write " + path);
}

}  // namespace patchbay::artifact
