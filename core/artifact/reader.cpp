#include "core/artifact/reader.hpp"

#include <algorithm>

#include "core/artifact/buffered_source.hpp"
#include "core/artifact/header_json.hpp"
#include "core/artifact/header_reader.hpp"
#include "core/artifact/names.hpp"
#include "core/artifact/payload_stream.hpp"
#include "core/artifact/signature.hpp"
#include "core/artifact/sources.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kBufferSize = 64 * kKiB;
constexpr std::string_view kHeaderTar = "header.tar";
constexpr std::string_view kAugmentTar = "header-augment.tar";
constexpr std::string_view kAugmentManifest = "manifest-augment";

Error invalid(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

std::string in_quotes(std::string_view text) {
  return "\"" + printable(text) + "\"";
}

Error unsupported_augmented() {
  return {ErrorCode::unsupported,
          "augmented artifacts are not supported: their unsigned part could change what the "
          "signed part says"};
}

}  // namespace

struct Reader::State {
  State(ByteSource& source, const ReaderOptions& options)
      : limits{options.limits},
        augments{options.augments},
        counter{source},
        input{counter, kBufferSize},
        archive{input, limits, TarReader::EndMarker::optional} {}

  Status read_beginning(const Keyring& keys);
  Status read_version();
  Status read_manifest(const Keyring& keys);
  Status check_signature(const Keyring& keys, std::string_view manifest_text);
  Status read_header();
  Status read_manifest_augment();
  Status read_header_augment();
  template <typename Parse>
  auto parse_stored(std::string_view stem, const Manifest& listed, Parse parse)
      -> decltype(parse(std::declval<ByteSource&>()));
  Status check_payloads() const;

  Status advance();
  Result<std::string> take_text(std::string_view name, std::size_t limit);
  [[nodiscard]] bool at(std::string_view name) const { return entry && entry->name == name; }
  [[nodiscard]] Error unexpected(std::string_view wanted) const;

  Status expect(std::size_t wanted) const;
  Status begin_payload();
  Result<std::optional<PayloadFile>> next_file();
  Status skip_payload();
  Status finish();

  Limits limits;
  Augments augments;
  CountingSource counter;
  BufferedSource input;
  TarReader archive;
  std::vector<std::string> entries;
  std::optional<TarEntry> entry;  ///< the entry the archive stands at; its body has not been read
  Digest version_sum{};
  Manifest manifest;
  std::optional<Manifest> augment;  ///< of the unsigned part
  Header header;
  SignatureState signature = SignatureState::none;
  std::string verified_by;
  std::size_t payload = 0;  ///< index of the payload being read; those before it are exhausted
  std::unique_ptr<PayloadStream> stream;  ///< uses archive: destroyed before it
};

// ------------------------------------------------------------------ from the front to the header

Status Reader::State::read_beginning(const Keyring& keys) {
  PB_TRY(const ByteSpan front, input.peek());
  if (front.empty()) return invalid("not an artifact: it is empty");
  PB_CHECK(advance().context("not a Mender artifact"));
  if (!at("version")) {
    return invalid("not a Mender artifact: a tar archive that starts with " +
                   in_quotes(entry ? entry->name : "") + " instead of \"version\"");
  }
  PB_CHECK(read_version());
  PB_CHECK(read_manifest(keys));
  PB_CHECK(check_digest("version", manifest.version, version_sum));
  if (augments == Augments::read && at(kAugmentManifest)) PB_CHECK(read_manifest_augment());
  PB_CHECK(read_header());
  if (augment) PB_CHECK(read_header_augment());
  return check_payloads();
}

Status Reader::State::advance() {
  PB_TRY(entry, archive.next());
  if (entry) entries.push_back(entry->name);
  if (!entry || entry->type == TarEntry::Type::file) return Done{};
  return invalid(in_quotes(entry->name) + " is a directory; an artifact holds files only");
}

Error Reader::State::unexpected(std::string_view wanted) const {
  if (!entry) return invalid("truncated: it ends where " + std::string{wanted} + " is due");
  const bool augmented = entry->name == kAugmentManifest || entry->name.starts_with(kAugmentTar);
  if (augmented && augments == Augments::refuse) {
    return unsupported_augmented();
  }
  return invalid(in_quotes(entry->name) + " stands where " + std::string{wanted} + " is due");
}

Result<std::string> Reader::State::take_text(std::string_view name, std::size_t limit) {
  if (!at(name)) return unexpected(name);
  return archive.read_text(limit);
}

Status Reader::State::read_version() {
  PB_TRY(const std::string text, take_text("version", limits.version_bytes));
  PB_TRY(version_sum, sha256(as_bytes(text)));
  return check_version(text, limits).context("version");
}

/// With keys, nothing of the manifest is believed before its signature has been verified.
Status Reader::State::read_manifest(const Keyring& keys) {
  PB_CHECK(advance());
  PB_TRY(const std::string text, take_text("manifest", limits.manifest_bytes));
  PB_CHECK(advance());
  PB_CHECK(check_signature(keys, text));
  PB_TRY(manifest, parse_manifest(text, limits).context("manifest"));
  return Done{};
}

Status Reader::State::check_signature(const Keyring& keys, std::string_view manifest_text) {
  if (!at("manifest.sig")) {
    if (keys.empty()) return Done{};
    return Error{ErrorCode::integrity,
                 "the artifact is not signed, but verification keys are configured"};
  }
  PB_TRY(const std::string text, archive.read_text(limits.signature_bytes));
  signature = SignatureState::unchecked;
  if (!keys.empty()) {
    PB_TRY(verified_by, keys.verify(as_bytes(manifest_text), text, limits));
    signature = SignatureState::verified;
  }
  return advance();
}

/// A header is kept as it is stored until its checksum has been found right: no decompressor and no
/// parser sees a header that the manifest does not vouch for.
template <typename Parse>
auto Reader::State::parse_stored(std::string_view stem, const Manifest& listed, Parse parse)
    -> decltype(parse(std::declval<ByteSource&>())) {
  if (!entry || !entry->name.starts_with(stem))
    return unexpected(stem == kHeaderTar ? "the header" : "the augmented header");
  const std::string name = entry->name;
  const auto compression = compression_of(std::string_view{name}.substr(stem.size()));
  if (!compression || name != listed.header_name) {
    return invalid("the archive has " + in_quotes(name) + ", but the manifest lists \"" +
                   listed.header_name + "\"");
  }
  PB_TRY(const std::string stored, archive.read_text(limits.header_stored_bytes));
  PB_TRY(const Digest digest, sha256(as_bytes(stored)));
  PB_CHECK(check_digest(name, listed.header, digest));
  MemorySource memory{as_bytes(stored)};
  const std::unique_ptr<ByteSource> decoder =
      *compression == Compression::none ? nullptr : make_decoder(*compression, memory, limits);
  LimitedSource expanded{decoder ? *decoder : memory, limits.header_expanded_bytes};
  return parse(expanded).context(name);
}

Status Reader::State::read_header() {
  PB_TRY(header, parse_stored(kHeaderTar, manifest, [this](ByteSource& expanded) {
           return artifact::read_header(expanded, limits);
         }));
  return Done{};
}

// ------------------------------------------------------------------ the unsigned part

Status Reader::State::read_manifest_augment() {
  PB_TRY(const std::string text, archive.read_text(limits.manifest_bytes));
  PB_CHECK(advance());
  PB_TRY(augment, parse_manifest_augment(text, limits).context(std::string{kAugmentManifest}));
  for (const auto& [index, files] : augment->files) {
    for (const auto& [name, sum] : files) {
      if (!manifest.files[index].emplace(name, sum).second)
        return invalid(std::string{kAugmentManifest} + ": lists " + in_quotes(name) +
                       ", which the manifest lists, too");
    }
  }
  return Done{};
}

/// What a device provides, and what it removes, is never up to an unsigned part of a signed
/// artifact.
Status Reader::State::read_header_augment() {
  PB_CHECK(advance());
  PB_TRY(header.augment, parse_stored(kAugmentTar, *augment, [this](ByteSource& expanded) {
           return artifact::read_header_augment(expanded, header, limits);
         }));
  if (signature == SignatureState::none) return Done{};
  if (header.augment->provides.empty() && !header.augment->clears) return Done{};
  return invalid("the unsigned part of a signed artifact sets provides or clears");
}

// ------------------------------------------------------------------ what has been read so far

/// What header and manifest say about the payloads has to fit together before one of them is read.
Status Reader::State::check_payloads() const {
  if (!manifest.files.empty() && manifest.files.rbegin()->first >= header.payloads.size()) {
    return invalid("manifest: lists files of payload " +
                   index_text(manifest.files.rbegin()->first) + ", but there are only " +
                   std::to_string(header.payloads.size()) + " payloads");
  }
  for (std::size_t index = 0; index < header.payloads.size(); ++index) {
    const auto& type = header.payloads[index].type;
    const auto files = manifest.files.find(index);
    const std::size_t count = files == manifest.files.end() ? 0 : files->second.size();
    if (!type && count > 0) return invalid("manifest: lists files of an empty payload");
    if (type == "rootfs-image" && count != 1) {
      return invalid("payload " + index_text(index) +
                     ": a rootfs-image has exactly one file, not " + std::to_string(count));
    }
  }
  return Done{};
}

// ------------------------------------------------------------------ payloads

Status Reader::State::expect(std::size_t wanted) const {
  if (wanted == payload && wanted < header.payloads.size()) return Done{};
  return Error{ErrorCode::internal, "payload " + index_text(wanted) + " asked for while payload " +
                                        index_text(payload) + " is due"};
}

/// Starts the stream of the current payload, unless that has no data entry and needs none.
Status Reader::State::begin_payload() {
  if (!entry) PB_CHECK(advance());
  const std::string name = "data/" + index_text(payload) + ".tar";
  const auto files = manifest.files.find(payload);
  const auto compression = entry && entry->name.starts_with(name)
                               ? compression_of(std::string_view{entry->name}.substr(name.size()))
                               : std::nullopt;
  if (!compression) {
    if (files == manifest.files.end()) return Done{};
    return unexpected(name + " (or .gz, .xz, .zst)");
  }
  auto listed =
      files == manifest.files.end() ? std::map<std::string, Digest, std::less<>>{} : files->second;
  PB_TRY(stream, PayloadStream::start({archive, *compression, payload, std::move(listed), limits}));
  return Done{};
}

Result<std::optional<PayloadFile>> Reader::State::next_file() {
  if (!stream) PB_CHECK(begin_payload());
  if (stream) {
    PB_TRY(auto file, stream->next_file().context(entry->name));
    if (file && augment) file->augmented = augment->files[payload].contains(file->name);
    if (file) return file;
    stream.reset();
    entry.reset();
  }
  ++payload;
  return std::optional<PayloadFile>{};
}

Status Reader::State::skip_payload() {
  if (!stream) PB_CHECK(begin_payload());
  if (stream) {
    PB_CHECK(stream->stop().context(entry->name));
    stream.reset();
    PB_CHECK(archive.skip_body());
    entry.reset();
  }
  ++payload;
  return Done{};
}

Status Reader::State::finish() {
  while (payload < header.payloads.size()) {
    PB_CHECK(next_file());
  }
  if (!entry) PB_CHECK(advance());
  if (entry) return unexpected("the end of the artifact");
  return archive.finish();
}

// ------------------------------------------------------------------ the public face

Reader::Reader(std::unique_ptr<State> state) : state_{std::move(state)} {
}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Reader::open(ByteSource& source, const ReaderOptions& options) {
  PB_TRY(const Keyring keys, Keyring::load(options.keys));
  auto state = std::make_unique<State>(source, options);
  PB_CHECK(state->read_beginning(keys));
  state->entry.reset();
  return Reader{std::move(state)};
}

const Header& Reader::header() const {
  return state_->header;
}
SignatureState Reader::signature() const {
  return state_->signature;
}
const std::string& Reader::verified_by() const {
  return state_->verified_by;
}

const std::vector<std::string>& Reader::entries() const {
  return state_->entries;
}

Result<std::optional<PayloadFile>> Reader::next_file(std::size_t payload) {
  if (payload < state_->payload) return std::optional<PayloadFile>{};
  PB_CHECK(state_->expect(payload));
  return state_->next_file();
}

Status Reader::skip(std::size_t payload) {
  if (payload < state_->payload) return Done{};
  PB_CHECK(state_->expect(payload));
  return state_->skip_payload();
}

Result<ByteSpan> Reader::read() {
  if (!state_->stream) return ByteSpan{};
  return state_->stream->read().context(state_->entry->name);
}

Status Reader::finish() {
  return state_->finish();
}

std::uint64_t Reader::bytes_consumed() const {
  return state_->counter.count();
}

}  // namespace patchbay::artifact
