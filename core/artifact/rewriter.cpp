#include "core/artifact/rewriter.hpp"

#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "core/artifact/buffered_source.hpp"
#include "core/artifact/compress.hpp"
#include "core/artifact/decompress.hpp"
#include "core/artifact/header_writer.hpp"
#include "core/artifact/manifest_text.hpp"
#include "core/artifact/names.hpp"
#include "core/artifact/payload_rewriter.hpp"
#include "core/artifact/sources.hpp"
#include "core/artifact/tar_reader.hpp"
#include "core/artifact/tar_writer.hpp"
#include "core/os/file.hpp"
#include "core/os/file_replacement.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kBufferSize = 256 * kKiB;
constexpr std::string_view kHeaderTar = "header.tar";

Error changed_meanwhile() {
  return {ErrorCode::invalid_input, "the artifact was changed while it was read"};
}

class ReplacementSink final : public ByteSink {
 public:
  explicit ReplacementSink(os::FileReplacement& out) : out_{out} {}
  Status write(ByteSpan bytes) override { return out_.write(bytes); }

 private:
  os::FileReplacement& out_;
};

class TextSink final : public ByteSink {
 public:
  Status write(ByteSpan bytes) override {
    text.append(as_text(bytes));
    return Done{};
  }
  std::string text;
};

Result<std::string> compressed(std::string_view text, const CompressionSettings& compression) {
  TextSink sink;
  PB_TRY(const auto compressor, make_compressor(compression, sink));
  PB_CHECK(compressor->write(as_bytes(text)));
  PB_CHECK(compressor->finish());
  return std::move(sink.text);
}

Result<std::string> decompressed(std::string_view text, Compression compression,
                                 const Limits& limits) {
  if (compression == Compression::none) return std::string{text};
  MemorySource memory{as_bytes(text)};
  const auto decoder = make_decoder(compression, memory, limits);
  std::string plain;
  ByteVector buffer(64 * kKiB);
  while (true) {
    PB_TRY(const std::size_t count, decoder->read(buffer));
    if (count == 0) return plain;
    plain += as_text(ByteSpan{buffer}.first(count));
  }
}

TarMember member_like(const TarEntry& entry) {
  TarMember member;
  member.name = entry.name;
  member.size = entry.size;
  member.mode = entry.mode;
  member.mtime = static_cast<std::uint64_t>(std::max<std::int64_t>(entry.mtime, 0));
  return member;
}

class Rewriter {
 public:
  Rewriter(ByteSource& in, const Contents& contents, const Change& change, os::FileReplacement& out)
      : contents_{contents},
        change_{change},
        input_{in, kBufferSize},
        archive_{input_, limits_, TarReader::EndMarker::optional},
        out_{out},
        sink_{out} {}

  Status run() {
    PB_CHECK(read_front());
    PB_CHECK(make_header());
    manifest_.rename_header(header_.name);
    for (const auto& [payload, files] : change_.files)
      manifest_.change_files(payload, files);
    PB_CHECK(write_front());
    PB_CHECK(write_payloads());
    PB_CHECK(out_.write(as_bytes(std::string(kTarEndBytes, '\0'))));
    return fill_in_front();
  }

 private:
  struct Small {
    TarMember member;
    std::string name, text;
  };

  [[nodiscard]] CompressionSettings settings_of(Compression old) const {
    if (change_.compression) return *change_.compression;
    CompressionSettings settings;
    settings.kind = old;
    return settings;
  }

  Status advance() {
    PB_TRY(entry_, archive_.next());
    return Done{};
  }

  Result<Small> take_small(std::size_t limit) {
    if (!entry_) return changed_meanwhile();
    Small small{member_like(*entry_), entry_->name, {}};
    PB_TRY(small.text, archive_.read_text(limit));
    PB_CHECK(advance());
    return small;
  }

  Status read_front() {
    PB_CHECK(advance());
    PB_TRY(version_, take_small(limits_.version_bytes));
    PB_TRY(old_manifest_, take_small(limits_.manifest_bytes));
    if (entry_ && entry_->name == "manifest.sig") {
      PB_TRY(const Small signature, take_small(limits_.signature_bytes));
      old_signature_ = signature.text;
      while (old_signature_.ends_with('\n'))
        old_signature_.pop_back();
    }
    if (entry_ && entry_->name == "manifest-augment") {
      PB_TRY(augment_manifest_, take_small(limits_.manifest_bytes));
    }
    PB_TRY(header_, take_small(limits_.header_stored_bytes));
    if (!header_.name.starts_with(kHeaderTar)) return changed_meanwhile();
    if (augment_manifest_) {
      PB_TRY(augment_header_, take_small(limits_.header_stored_bytes));
    }
    PB_TRY(manifest_, ManifestText::parse(old_manifest_.text));
    return Done{};
  }

  /// The header entry as it will be.
  Status make_header() {
    const auto old = compression_of(std::string_view{header_.name}.substr(kHeaderTar.size()))
                         .value_or(Compression::none);
    const CompressionSettings compression = settings_of(old);
    if (!change_.header && compression.kind == old && !compression.level) return Done{};
    std::string plain;
    if (change_.header) {
      PB_TRY(plain, header_tar_text(*change_.header));
    } else {
      PB_TRY(plain, decompressed(header_.text, old, limits_));
    }
    PB_TRY(header_.text, compressed(plain, compression));
    header_.name = std::string{kHeaderTar} + std::string{suffix_of(compression.kind)};
    header_.member.name = header_.name;
    return Done{};
  }

  Status write_small(const Small& small) {
    return out_.write(as_bytes(tar_entry_text(small.member, small.text)));
  }

  /// Manifest and signature stand before what they are about, but their lengths are known.
  Status write_front() {
    PB_CHECK(write_small(version_));
    manifest_at_ = out_.size();
    PB_CHECK(write_small({old_manifest_.member, "", manifest_.text()}));
    signature_at_ = out_.size();
    PB_TRY(const std::string signature, signature_text(manifest_.text()));
    if (!signature.empty()) PB_CHECK(write_small(signature_entry(signature)));
    if (augment_manifest_) PB_CHECK(write_small(*augment_manifest_));
    PB_CHECK(write_small(header_));
    return augment_header_ ? write_small(*augment_header_) : Status{Done{}};
  }

  Status fill_in_front() {
    PB_TRY(const Digest header, sha256(as_bytes(header_.text)));
    manifest_.set_header(header);
    const std::string text = manifest_.text();
    PB_CHECK(check_kept_signature(text));
    PB_CHECK(out_.fill_in(manifest_at_, tar_entry_text(old_manifest_.member, text)));
    PB_TRY(const std::string signature, signature_text(text));
    if (signature.empty()) return Done{};
    const Small entry = signature_entry(signature);
    return out_.fill_in(signature_at_, tar_entry_text(entry.member, entry.text));
  }

  [[nodiscard]] bool keeps_old() const {
    return change_.signatures == Signatures::keep || change_.signatures == Signatures::add;
  }

  [[nodiscard]] Status check_kept_signature(const std::string& manifest) const {
    if (!keeps_old() || old_signature_.empty() || manifest == old_manifest_.text) return Done{};
    return Error{ErrorCode::conflict,
                 "it is signed, and with this change the signature would no longer be right"};
  }

  static Small signature_entry(const std::string& text) {
    TarMember member;
    member.name = "manifest.sig";
    return {member, member.name, text};
  }

  [[nodiscard]] Result<std::string> signature_text(const std::string& manifest) const {
    std::string text = keeps_old() ? old_signature_ : std::string{};
    if (change_.signatures == Signatures::keep || change_.signatures == Signatures::drop)
      return text;
    for (const SigningKey& key : change_.keys) {
      PB_TRY(const std::string line, key.sign(manifest));
      text += (text.empty() ? "" : "\n") + line;
    }
    return text;
  }

  // ---------------------------------------------------------------- payloads

  Status write_payloads() {
    for (std::size_t index = 0; index < contents_.header.payloads.size(); ++index)
      PB_CHECK(write_payload(index).context("payload " + std::to_string(index)));
    return entry_ ? Status{changed_meanwhile()} : Status{Done{}};
  }

  Status write_payload(std::size_t index) {
    const std::string name = "data/" + index_text(index) + ".tar";
    const auto changes = change_.files.find(index);
    const bool there = entry_ && entry_->name.starts_with(name);
    if (!there && changes == change_.files.end()) return Done{};
    const auto old = there ? compression_of(std::string_view{entry_->name}.substr(name.size()))
                           : std::optional{Compression::none};
    if (!old) return changed_meanwhile();
    const CompressionSettings compression = settings_of(*old);
    const bool stays = compression.kind == *old && !compression.level;
    if (there && changes == change_.files.end() && stays) {
      PB_CHECK(copy_entry());
    } else {
      PB_CHECK(repack(index, there ? old : std::nullopt, compression));
    }
    return there ? advance() : Status{Done{}};
  }

  Status copy_entry() {
    PB_CHECK(out_.write(as_bytes(tar_header_text(member_like(*entry_)))));
    while (true) {
      PB_TRY(const ByteSpan bytes, archive_.view());
      if (bytes.empty()) break;
      PB_CHECK(out_.write(bytes));
    }
    return out_.write(as_bytes(std::string(tar_padding(entry_->size), '\0')));
  }

  /// Bytes the tar of a payload can have at most, compressed or not.
  [[nodiscard]] std::uint64_t most_bytes(std::size_t index, const PayloadRewrite& rewrite) const {
    const std::uint64_t kept =
        std::accumulate(contents_.files.begin(), contents_.files.end(), std::uint64_t{kTarEndBytes},
                        [&](std::uint64_t total, const PayloadFile& file) {
                          return total + (file.payload == index ? file.size + 4 * kTarBlock : 0);
                        });
    const std::uint64_t all = kept + rewrite.new_bytes();
    return all + all / 64;  // random bytes become larger by a little when they are compressed
  }

  Status repack(std::size_t index, std::optional<Compression> old,
                const CompressionSettings& compression) {
    const auto changes = change_.files.find(index);
    PB_TRY(
        PayloadRewrite rewrite,
        PayloadRewrite::prepare(changes == change_.files.end() ? FileChanges{} : changes->second));
    TarMember member;
    member.name = "data/" + index_text(index) + ".tar" + std::string{suffix_of(compression.kind)};
    if (most_bytes(index, rewrite) >= kUstarSizeLimit) member.size_record = SizeRecord::always;
    const std::uint64_t at = out_.size();
    PB_CHECK(out_.write(as_bytes(tar_header_text(member))));
    const std::uint64_t begin = out_.size();
    PB_CHECK(write_tar(rewrite, old, compression));
    member.size = out_.size() - begin;
    PB_CHECK(out_.write(as_bytes(std::string(tar_padding(member.size), '\0'))));
    for (const auto& [name, digest] : rewrite.digests())
      manifest_.set_file(index, name, digest);
    return out_.fill_in(at, tar_header_text(member));
  }

  Status write_tar(PayloadRewrite& rewrite, std::optional<Compression> old,
                   const CompressionSettings& compression) {
    PB_TRY(const auto compressor, make_compressor(compression, sink_));
    if (old) {
      TarBodySource stored{archive_};
      const auto decoder =
          *old == Compression::none ? nullptr : make_decoder(*old, stored, limits_);
      PB_CHECK(rewrite.copy(decoder ? *decoder : stored, limits_, *compressor));
    }
    PB_CHECK(rewrite.append_new(*compressor));
    return compressor->finish();
  }

  const Contents& contents_;
  const Change& change_;
  Limits limits_;
  BufferedSource input_;
  TarReader archive_;
  std::optional<TarEntry> entry_;  ///< where the archive stands; its body has not been read
  os::FileReplacement& out_;
  ReplacementSink sink_;

  Small version_, old_manifest_, header_;
  std::optional<Small> augment_manifest_, augment_header_;  ///< stay as they are
  std::string old_signature_;
  ManifestText manifest_;
  std::uint64_t manifest_at_ = 0;
  std::uint64_t signature_at_ = 0;
};

/// The new artifact up to its header, as a device will see it: what the change made of names, types
/// and the number of files is judged there.
Status check_front(const os::FileReplacement& out, const Contents& contents) {
  PB_TRY(UniqueFd fd, out.reopen());
  os::FdSource source{std::move(fd), "the new artifact"};
  ReaderOptions options;
  if (contents.header.augment) options.augments = Augments::read;
  auto reader = Reader::open(source, options);
  return reader ? Status{Done{}} : Status{std::move(reader).error().context("not allowed")};
}

PayloadSpec spec_of(const PayloadHeader& payload) {
  PayloadSpec spec;
  spec.type = payload.type;
  spec.provides = payload.provides;
  spec.depends = payload.depends;
  spec.clears = payload.clears;
  spec.meta_data = payload.meta_data;
  return spec;
}

}  // namespace

ArtifactSpec spec_of(const Header& header) {
  ArtifactSpec spec;
  spec.name = header.name;
  spec.group = header.group;
  spec.compatible_types = header.compatible_types;
  spec.depends_names = header.depends_names;
  spec.depends_groups = header.depends_groups;
  spec.scripts = header.scripts;
  for (const PayloadHeader& payload : header.payloads)
    spec.payloads.push_back(spec_of(payload));
  return spec;
}

Status rewrite_artifact(const std::string& from, const Contents& contents, const Change& change,
                        const std::string& to) {
  if (contents.header.augment && (change.header || change.compression || !change.files.empty()))
    return Error{ErrorCode::unsupported, "of an augmented artifact only the signature can change"};
  if (change.header) PB_CHECK(check_spec(*change.header));
  PB_TRY(UniqueFd fd, os::open_file(from, O_RDONLY));
  os::FdSource source{std::move(fd), from};
  PB_TRY(os::FileReplacement out, os::FileReplacement::begin(to));
  PB_CHECK(Rewriter(source, contents, change, out).run().context(from));
  PB_CHECK(check_front(out, contents).context(from));
  return out.commit();
}

}  // namespace patchbay::artifact
