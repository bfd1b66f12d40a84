#include "core/artifact/tar_reader.hpp"

#include <algorithm>
#include <array>
#include <cassert>

#include "core/artifact/content_hint.hpp"

namespace patchbay::artifact {
namespace {

Error invalid(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

bool all_zero(ByteSpan bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

Result<std::optional<TarEntry>> TarReader::next() {
  release_view();
  assert(body_left_ == 0);
  PB_CHECK(skip_padding());

  Extensions extensions;
  while (true) {
    PB_TRY(std::optional<TarHeader> header, next_header());
    if (!header) {
      if (!extensions.pax && !extensions.long_name) return std::optional<TarEntry>{};
      return invalid("tar: the archive ends after an extended header");
    }
    if (header->type != 'x' && header->type != 'L') {
      PB_TRY(TarEntry entry, make_entry(std::move(*header), std::move(extensions)));
      return std::optional{std::move(entry)};
    }
    PB_CHECK(read_extension(*header, extensions));
  }
}

/// Nothing at the end of the archive, whose marker has then been read.
Result<std::optional<TarHeader>> TarReader::next_header() {
  std::array<std::byte, kTarBlock> block;
  PB_TRY(const bool more, read_block(block));
  if (!more) {
    if (end_marker_ == EndMarker::optional) return std::optional<TarHeader>{};
    return truncated("where an entry or the end-of-archive marker is due");
  }
  if (all_zero(block)) {
    PB_CHECK(read_end_marker());
    return std::optional<TarHeader>{};
  }
  auto header = parse_tar_header(block);
  if (!header) return explain(std::move(header).error(), block);
  return std::optional{std::move(*header)};
}

/// An error in the very first block is told in terms of what the stream holds instead of a tar
/// archive, where that can be recognised.
Error TarReader::explain(Error error, ByteSpan block) const {
  const std::string hint = position_ <= kTarBlock ? content_hint(block) : std::string{};
  return hint.empty() ? std::move(error) : invalid("not a tar archive: " + hint);
}

/// One zero block has been read; the second one.
Status TarReader::read_end_marker() {
  std::array<std::byte, kTarBlock> block;
  PB_TRY(const bool more, read_block(block));
  if (!more && end_marker_ == EndMarker::optional) return Done{};
  if (!more) return truncated("inside the end-of-archive marker");
  if (all_zero(block)) return Done{};
  return invalid("tar: a single zero block between entries");
}

/// False when the stream ends right here.
Result<bool> TarReader::read_block(std::span<std::byte, kTarBlock> block) {
  std::size_t filled = 0;
  while (filled < block.size()) {
    PB_TRY(const std::size_t count, source_.read(block.subspan(filled)));
    position_ += count;
    if (count == 0 && filled == 0) return false;
    if (count == 0) return explain(truncated("inside a tar header"), block.first(filled));
    filled += count;
  }
  return true;
}

Status TarReader::read_extension(const TarHeader& header, Extensions& extensions) {
  const bool pax = header.type == 'x';
  if (pax ? extensions.pax.has_value() : extensions.long_name.has_value()) {
    return invalid("tar: two extended headers of one kind for one entry");
  }
  current_ = pax ? "pax header" : "GNU long name";
  body_left_ = header.size;
  PB_TRY(const std::string body, read_text(limits_.pax_bytes));
  padding_ = (kTarBlock - header.size % kTarBlock) % kTarBlock;
  PB_CHECK(skip_padding());
  if (pax) {
    PB_TRY(extensions.pax, parse_pax_records(body));
  } else {
    PB_TRY(extensions.long_name, parse_gnu_long_name(body));
  }
  return Done{};
}

Result<TarEntry> TarReader::make_entry(TarHeader header, Extensions extensions) {
  TarEntry entry;
  entry.name = std::move(header.name);
  entry.size = header.size;
  entry.mode = header.mode;
  entry.mtime = extensions.pax && extensions.pax->mtime ? *extensions.pax->mtime : header.mtime;
  if (extensions.long_name) entry.name = std::move(*extensions.long_name);
  if (extensions.pax && extensions.pax->path) entry.name = std::move(*extensions.pax->path);
  if (extensions.pax && extensions.pax->size) entry.size = *extensions.pax->size;

  const std::string shown = "\"" + printable(entry.name) + "\"";
  if (entry.name.size() > limits_.name_bytes) {
    return invalid("tar: name " + shown + " has " + std::to_string(entry.name.size()) +
                   " bytes; the limit is " + std::to_string(limits_.name_bytes));
  }
  if (header.type != '0' && header.type != '5') {
    return invalid("tar: " + shown + " is " + describe_tar_type(header.type) +
                   "; only regular files are allowed in an artifact");
  }
  entry.type = header.type == '0' ? TarEntry::Type::file : TarEntry::Type::directory;
  if (entry.type == TarEntry::Type::directory && entry.size != 0) {
    return invalid("tar: directory " + shown + " has a size");
  }
  current_ = entry.name;
  body_left_ = entry.size;
  padding_ = (kTarBlock - entry.size % kTarBlock) % kTarBlock;
  return entry;
}

Result<ByteSpan> TarReader::view() {
  release_view();
  if (body_left_ == 0) return ByteSpan{};
  PB_TRY(ByteSpan bytes, source_.peek());
  if (bytes.empty()) return truncated("inside \"" + printable(current_) + "\"");
  viewed_ = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), body_left_));
  body_left_ -= viewed_;
  return bytes.first(viewed_);
}

Result<std::size_t> TarReader::read(std::span<std::byte> out) {
  release_view();
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), body_left_));
  if (wanted == 0) return std::size_t{0};
  PB_TRY(const std::size_t count, source_.read(out.first(wanted)));
  if (count == 0) return truncated("inside \"" + printable(current_) + "\"");
  position_ += count;
  body_left_ -= count;
  return count;
}

Status TarReader::skip_body() {
  release_view();
  PB_CHECK(source_.skip(body_left_).context("inside \"" + printable(current_) + "\""));
  position_ += body_left_;
  body_left_ = 0;
  return Done{};
}

Result<std::string> TarReader::read_text(std::size_t limit) {
  if (body_left_ > limit) {
    return invalid("\"" + printable(current_) + "\" has " + std::to_string(body_left_) +
                   " bytes; the limit is " + human_size(limit));
  }
  std::string text;
  while (true) {
    PB_TRY(const ByteSpan bytes, view());
    if (bytes.empty()) return text;
    text += as_text(bytes);
  }
}

Status TarReader::finish() {
  std::size_t zeros = 0;
  while (true) {
    PB_TRY(const ByteSpan bytes, source_.peek());
    if (bytes.empty()) return Done{};
    if (!all_zero(bytes)) {
      return invalid("tar: something other than zeros follows the end-of-archive marker");
    }
    zeros += bytes.size();
    if (zeros > limits_.trailing_zero_bytes) {
      return invalid("tar: more than " + human_size(limits_.trailing_zero_bytes) +
                     " of zeros follow the end-of-archive marker");
    }
    source_.consume(bytes.size());
  }
}

Status TarReader::skip_padding() {
  while (padding_ > 0) {
    PB_TRY(const ByteSpan bytes, source_.peek());
    if (bytes.empty()) return truncated("inside the padding of \"" + printable(current_) + "\"");
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), padding_));
    source_.consume(count);
    position_ += count;
    padding_ -= count;
  }
  return Done{};
}

void TarReader::release_view() {
  if (viewed_ == 0) return;
  source_.consume(viewed_);
  position_ += viewed_;
  viewed_ = 0;
}

Error TarReader::truncated(std::string_view where) const {
  std::string message =
      "truncated: it ends after " + std::to_string(position_) + " bytes, " + std::string{where};
  if (body_left_ > 0) message += ", " + std::to_string(body_left_) + " bytes short";
  return invalid(std::move(message));
}

}  // namespace patchbay::artifact
