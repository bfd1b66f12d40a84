#include "core/artifact/writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "core/artifact/compress.hpp"
#include "core/artifact/header_writer.hpp"
#include "core/artifact/names.hpp"
#include "core/artifact/sha256.hpp"
#include "core/artifact/tar_writer.hpp"
#include "core/os/file.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kStep = 256 * kKiB;

/// The file being written. What is not known in time is left open and filled in later.
class OutputFile final : public ByteSink {
 public:
  explicit OutputFile(UniqueFd fd) : fd_{std::move(fd)} {}

  Status write(ByteSpan bytes) override {
    PB_CHECK(os::write_all(fd_.get(), bytes));
    size_ += bytes.size();
    return Done{};
  }
  Status write(std::string_view text) { return write(as_bytes(text)); }

  Status fill_in(std::uint64_t at, std::string_view text) {
    if (::lseek(fd_.get(), static_cast<off_t>(at), SEEK_SET) < 0)
      return Error::from_errno(errno, "seek");
    PB_CHECK(os::write_all(fd_.get(), as_bytes(text)));
    return ::lseek(fd_.get(), 0, SEEK_END) < 0 ? Status{Error::from_errno(errno, "seek")} : Done{};
  }

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::uint64_t size_ = 0;
};

/// A payload file that is open, with what its tar header says.
struct InputFile {
  UniqueFd fd;
  TarMember entry;
};

/// Latest time that files may have, for builds that are to be the same tomorrow.
std::uint64_t latest_mtime() {
  std::uint64_t seconds = ~std::uint64_t{0};
  if (const char* text = std::getenv("SOURCE_DATE_EPOCH")) {
    const std::string_view view = text;
    std::uint64_t parsed = 0;
    const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), parsed);
    if (error == std::errc{} && end == view.data() + view.size()) seconds = parsed;
  }
  return seconds;
}

Result<InputFile> open_input(const PayloadSpec::File& file) {
  PB_TRY(UniqueFd fd, os::open_file(file.path, O_RDONLY));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Error::from_errno(errno, file.path);
  if (!S_ISREG(info.st_mode))
    return Error{ErrorCode::invalid_input, file.path + " is not a regular file"};
  InputFile input{std::move(fd), {}};
  input.entry.name = file.name;
  input.entry.size = static_cast<std::uint64_t>(info.st_size);
  input.entry.mode = info.st_mode & 0777U;
  input.entry.mtime =
      std::min(static_cast<std::uint64_t>(std::max<time_t>(info.st_mtime, 0)), latest_mtime());
  return input;
}

/// Copies exactly what the tar header promises and returns its SHA-256.
Result<Digest> copy_content(const InputFile& input, ByteSink& out, ByteVector& buffer) {
  Sha256 sum;
  std::uint64_t left = input.entry.size;
  for (;;) {
    const ssize_t n = ::read(input.fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::from_errno(errno, "read");
    const auto count = static_cast<std::size_t>(n);
    if (count > left || (count == 0 && left > 0))
      return Error{ErrorCode::invalid_input, "the file changed while it was read"};
    if (count == 0) return sum.finish();
    const ByteSpan bytes = ByteSpan{buffer}.first(count);
    sum.update(bytes);
    PB_CHECK(out.write(bytes));
    left -= count;
  }
}

std::string manifest_line(const Digest& digest, const std::string& path) {
  return to_hex(digest) + "  " + path + "\n";
}

class Writer {
 public:
  Writer(const ArtifactSpec& spec, OutputFile& out)
      : spec_{spec}, out_{out}, suffix_{suffix_of(spec.compression)}, buffer_(kStep) {}

  Status write();

 private:
  Status write_small(const std::string& name, std::string_view content);
  Status reserve_manifest();
  Status write_data(std::size_t payload);
  Result<std::uint64_t> write_data_tar(std::size_t payload, const std::vector<InputFile>& inputs);
  Status fill_in_manifest();
  [[nodiscard]] Result<std::string> signatures(const std::string& manifest) const;

  const ArtifactSpec& spec_;
  OutputFile& out_;
  std::string suffix_;
  ByteVector buffer_;
  std::string header_;    // header.tar, compressed
  std::string manifest_;  // grows as files are read
  std::uint64_t manifest_at_ = 0;
  std::uint64_t signature_at_ = 0;
};

class StringSink final : public ByteSink {
 public:
  Status write(ByteSpan bytes) override {
    text.append(as_text(bytes));
    return Done{};
  }
  std::string text;
};

Status Writer::write() {
  StringSink packed;
  PB_TRY(const std::string header, header_tar_text(spec_));
  PB_TRY(const auto compressor, make_compressor(spec_.compression, packed));
  PB_CHECK(compressor->write(as_bytes(header)));
  PB_CHECK(compressor->finish());
  header_ = std::move(packed.text);

  PB_CHECK(write_small("version", kVersionText));
  PB_CHECK(reserve_manifest());
  PB_CHECK(write_small("header.tar" + suffix_, header_));
  for (std::size_t i = 0; i < spec_.payloads.size(); ++i)
    PB_CHECK(write_data(i).context("payload " + std::to_string(i)));
  PB_CHECK(out_.write(std::string(kTarEndBytes, '\0')));
  return fill_in_manifest();
}

Status Writer::write_small(const std::string& name, std::string_view content) {
  TarMember entry;
  entry.name = name;
  return out_.write(tar_entry_text(entry, content));
}

/// The manifest stands before the files whose checksums it lists, but its length is known without
/// them, and so is that of a signature. Hence one pass over the files is enough.
Status Writer::reserve_manifest() {
  std::string blank;
  for (std::size_t i = 0; i < spec_.payloads.size(); ++i) {
    for (const auto& file : spec_.payloads[i].files)
      blank += manifest_line({}, "data/" + index_text(i) + "/" + file.name);
  }
  blank += manifest_line({}, "header.tar" + suffix_) + manifest_line({}, "version");
  manifest_at_ = out_.size();
  PB_CHECK(write_small("manifest", blank));
  if (spec_.signing_keys.empty()) return Done{};
  signature_at_ = out_.size();
  PB_TRY(const std::string signature, signatures(blank));
  return write_small("manifest.sig", signature);
}

Status Writer::fill_in_manifest() {
  PB_TRY(const Digest header, sha256(as_bytes(header_)));
  PB_TRY(const Digest version, sha256(as_bytes(kVersionText)));
  manifest_ += manifest_line(header, "header.tar" + suffix_) + manifest_line(version, "version");
  TarMember entry;
  entry.name = "manifest";
  PB_CHECK(out_.fill_in(manifest_at_, tar_entry_text(entry, manifest_)));
  if (spec_.signing_keys.empty()) return Done{};
  PB_TRY(const std::string signature, signatures(manifest_));
  entry.name = "manifest.sig";
  return out_.fill_in(signature_at_, tar_entry_text(entry, signature));
}

Result<std::string> Writer::signatures(const std::string& manifest) const {
  std::string text;
  for (const SigningKey& key : spec_.signing_keys) {
    PB_TRY(const std::string line, key.sign(manifest));
    text += (text.empty() ? "" : "\n") + line;
  }
  return text;
}

Status Writer::write_data(std::size_t payload) {
  std::vector<InputFile> inputs;
  std::uint64_t most = kTarEndBytes;
  for (const auto& file : spec_.payloads[payload].files) {
    PB_TRY(InputFile input, open_input(file));
    most += input.entry.size + 4 * 512;
    inputs.push_back(std::move(input));
  }
  TarMember entry;
  entry.name = "data/" + index_text(payload) + ".tar" + suffix_;
  // The compressed size is known only afterwards; room for a large one is left where it may be one.
  // (Compression can make random bytes larger by a little, hence the margin.)
  if (most + most / 64 >= kUstarSizeLimit) entry.size_record = SizeRecord::always;
  const std::uint64_t at = out_.size();
  PB_CHECK(out_.write(tar_header_text(entry)));
  PB_TRY(entry.size, write_data_tar(payload, inputs));
  PB_CHECK(out_.write(std::string(tar_padding(entry.size), '\0')));
  return out_.fill_in(at, tar_header_text(entry));
}

/// Returns how many bytes it wrote.
Result<std::uint64_t> Writer::write_data_tar(std::size_t payload,
                                             const std::vector<InputFile>& inputs) {
  const std::uint64_t begin = out_.size();
  PB_TRY(const auto tar, make_compressor(spec_.compression, out_));
  for (const InputFile& input : inputs) {
    PB_CHECK(tar->write(as_bytes(tar_header_text(input.entry))));
    PB_TRY(const Digest digest, copy_content(input, *tar, buffer_).context(input.entry.name));
    PB_CHECK(tar->write(as_bytes(std::string(tar_padding(input.entry.size), '\0'))));
    manifest_ += manifest_line(digest, "data/" + index_text(payload) + "/" + input.entry.name);
  }
  PB_CHECK(tar->write(as_bytes(std::string(kTarEndBytes, '\0'))));
  PB_CHECK(tar->finish());
  return out_.size() - begin;
}

Status write_file(const ArtifactSpec& spec, const std::string& temporary, const std::string& path) {
  PB_TRY(UniqueFd fd, os::open_file(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0666));
  OutputFile out{std::move(fd)};
  PB_CHECK(Writer(spec, out).write());
  PB_CHECK(os::sync_file(out.fd(), path));
  if (::rename(temporary.c_str(), path.c_str()) != 0) return Error::from_errno(errno, path);
  const auto slash = path.rfind('/');
  return os::sync_directory(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

}  // namespace

Status write_artifact(const ArtifactSpec& spec, const std::string& path) {
  PB_CHECK(check_spec(spec).context("artifact " + printable(spec.name)));
  const std::string temporary = path + ".tmp";
  ::unlink(temporary.c_str());
  auto status = write_file(spec, temporary, path);
  if (!status) ::unlink(temporary.c_str());
  return std::move(status).context("write " + path);
}

}  // namespace patchbay::artifact
