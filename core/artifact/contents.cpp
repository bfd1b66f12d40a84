#include "core/artifact/contents.hpp"

namespace patchbay::artifact {
namespace {

Status read_file(Reader& reader, ByteSink* sink) {
  while (true) {
    PB_TRY(const ByteSpan bytes, reader.read());
    if (bytes.empty()) return Done{};
    if (sink != nullptr) PB_CHECK(sink->write(bytes));
  }
}

Status read_payload(Reader& reader, std::size_t index, const FileSinks& sinks,
                    std::vector<PayloadFile>& files) {
  while (true) {
    PB_TRY(std::optional<PayloadFile> file, reader.next_file(index));
    if (!file) return Done{};
    std::unique_ptr<ByteSink> sink;
    if (sinks) {
      PB_TRY(sink, sinks(*file));
    }
    PB_CHECK(read_file(reader, sink.get()));
    files.push_back(std::move(*file));
  }
}

}  // namespace

Result<Contents> read_contents(ByteSource& source, const ReaderOptions& options,
                               const FileSinks& sinks) {
  PB_TRY(Reader reader, Reader::open(source, options));
  Contents contents{reader.header(), reader.signature(), reader.verified_by(), {}, {}};
  for (std::size_t index = 0; index < contents.header.payloads.size(); ++index)
    PB_CHECK(read_payload(reader, index, sinks, contents.files));
  PB_CHECK(reader.finish());
  contents.entries = reader.entries();
  return contents;
}

}  // namespace patchbay::artifact
