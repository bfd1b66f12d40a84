#include "core/artifact/payload_stream.hpp"

#include <thread>

#include "core/artifact/names.hpp"

namespace patchbay::artifact {

static_assert(TrailingSum::kBehind <= Ring::kKept, "the sum would read what is overwritten");
static_assert(Reader::kKeptBytes <= Ring::kKept * Ring::kSlotBytes, "so would whoever has it lent");

namespace {

Error invalid(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

/// Two processors are busy with decompression and with the module: a further thread would only make
/// them take turns more often.
TrailingSum::Thread thread_for_sums() {
  return std::thread::hardware_concurrency() > 2 ? TrailingSum::Thread::own
                                                 : TrailingSum::Thread::callers;
}

}  // namespace

PayloadStream::PayloadStream(PayloadInput input)
    : input_{std::move(input)}, body_{input_.archive}, sum_{thread_for_sums()} {
  if (input_.compression != Compression::none) {
    decoder_ = make_decoder(input_.compression, body_, input_.limits);
  }
}

Result<std::unique_ptr<PayloadStream>> PayloadStream::start(PayloadInput input) {
  std::unique_ptr<PayloadStream> stream{new PayloadStream{std::move(input)}};
  ByteSource& producer = stream->decoder_ ? *stream->decoder_ : stream->body_;
  PB_TRY(stream->ring_, Ring::start(producer));
  stream->tar_.emplace(*stream->ring_, stream->input_.limits, TarReader::EndMarker::required);
  return stream;
}

Result<std::optional<PayloadFile>> PayloadStream::next_file() {
  while (!file_.empty()) {
    PB_TRY(const ByteSpan unread, read());
    static_cast<void>(unread);
  }
  PB_TRY(std::optional<TarEntry> entry, tar_->next());
  if (!entry) {
    PB_CHECK(finish());
    return std::optional<PayloadFile>{};
  }
  PB_TRY(PayloadFile file, begin_file(std::move(*entry)));
  return std::optional{std::move(file)};
}

Result<PayloadFile> PayloadStream::begin_file(TarEntry entry) {
  const std::string shown = "\"" + printable(entry.name) + "\"";
  if (entry.type != TarEntry::Type::file) {
    return invalid(shown + " is a directory; payload files lie flat");
  }
  if (!is_file_name(entry.name)) {
    return invalid(shown + " is not a name of [A-Za-z0-9_.,-]");
  }
  const auto listed = input_.files.find(entry.name);
  if (listed == input_.files.end()) return invalid("file " + shown + " is not in the manifest");
  if (!seen_.insert(entry.name).second) return invalid("file " + shown + " appears twice");

  expected_ = listed->second;
  file_ = std::move(entry.name);
  return PayloadFile{input_.index, file_, entry.size, to_hex(expected_), entry.mode, entry.mtime};
}

Result<ByteSpan> PayloadStream::read() {
  if (file_.empty()) return ByteSpan{};
  PB_TRY(const ByteSpan bytes, tar_->view());
  if (!bytes.empty()) {
    PB_CHECK(sum_.update(bytes));
    return bytes;
  }
  PB_TRY(const Digest digest, sum_.finish());
  PB_CHECK(check_digest(file_, expected_, digest));
  file_.clear();
  return ByteSpan{};
}

Status PayloadStream::stop() {
  return ring_->stop();
}

Status PayloadStream::finish() {
  PB_CHECK(tar_->finish());
  for (const auto& [name, digest] : input_.files) {
    if (!seen_.contains(name)) return invalid("file \"" + name + "\" of the manifest is missing");
  }
  return Done{};
}

}  // namespace patchbay::artifact
