#include "core/artifact/manifest.hpp"

#include <optional>

#include "core/artifact/names.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kSumLength = 64;
constexpr std::string_view kSeparator = "  ";

Error invalid(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

std::optional<unsigned> hex_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

std::optional<Digest> parse_sum(std::string_view text) {
  Digest digest{};
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const auto high = hex_value(text[2 * i]);
    const auto low = hex_value(text[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    digest[i] = static_cast<std::byte>(*high << 4 | *low);
  }
  return digest;
}

/// What differs between the manifest and the one of the unsigned part.
struct Kind {
  std::string_view header;  ///< name of the header without the suffix of its compression
  bool lists_version;
};
constexpr Kind kManifest{"header.tar", true};
constexpr Kind kAugment{"header-augment.tar", false};

/// Collects the lines into a Manifest and knows which of them have been there.
class ManifestBuilder {
 public:
  explicit ManifestBuilder(const Kind& kind) : kind_{kind} {}

  Status add_line(std::string_view line) {
    if (line.size() <= kSumLength + kSeparator.size() ||
        line.substr(kSumLength, kSeparator.size()) != kSeparator) {
      return invalid("\"" + printable(line, 100) +
                     "\" is not 64 hexadecimal digits, two blanks and a path");
    }
    const auto sum = parse_sum(line);
    if (!sum) return invalid("\"" + printable(line, 100) + "\" has no lower-case SHA-256 in front");
    return add(line.substr(kSumLength + kSeparator.size()), *sum);
  }

  Result<Manifest> build() && {
    if (kind_.lists_version && !has_version_) return invalid("the line for version is missing");
    if (manifest_.header_name.empty()) return invalid("the line for the header is missing");
    return std::move(manifest_);
  }

 private:
  Status add(std::string_view path, const Digest& sum) {
    if (kind_.lists_version && path == "version") return add_version(sum);
    if (is_header(path)) return add_header(path, sum);
    if (path.starts_with("data/")) return add_file(path, sum);
    return invalid("\"" + printable(path) + "\" is no part of an artifact");
  }

  [[nodiscard]] bool is_header(std::string_view path) const {
    if (!path.starts_with(kind_.header)) return false;
    path.remove_prefix(kind_.header.size());
    return path.empty() || path == ".gz" || path == ".xz" || path == ".zst";
  }

  Status add_version(const Digest& sum) {
    if (has_version_) return invalid("version is listed twice");
    has_version_ = true;
    manifest_.version = sum;
    return Done{};
  }

  Status add_header(std::string_view path, const Digest& sum) {
    if (!manifest_.header_name.empty()) return invalid("a header is listed twice");
    manifest_.header_name = path;
    manifest_.header = sum;
    return Done{};
  }

  Status add_file(std::string_view path, const Digest& sum) {
    std::string_view rest = path.substr(std::string_view{"data/"}.size());
    const auto index = take_index(rest);
    if (!index || !rest.starts_with('/') || !is_file_name(rest.substr(1))) {
      return invalid("\"" + printable(path) +
                     "\" is not data/NNNN/NAME with a name of [A-Za-z0-9_.,-]");
    }
    const bool added = manifest_.files[*index].emplace(rest.substr(1), sum).second;
    if (!added) return invalid("\"" + printable(path) + "\" is listed twice");
    return Done{};
  }

  const Kind& kind_;
  Manifest manifest_;
  bool has_version_ = false;
};

Result<Manifest> parse(std::string_view text, const Kind& kind, const Limits& limits) {
  ManifestBuilder builder{kind};
  std::size_t line_number = 0;
  while (!text.empty()) {
    if (++line_number > limits.manifest_lines) {
      return invalid("more than " + std::to_string(limits.manifest_lines) + " lines");
    }
    const std::size_t end = std::min(text.find('\n'), text.size());
    PB_CHECK(builder.add_line(text.substr(0, end)).context("line " + std::to_string(line_number)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(builder).build();
}

}  // namespace

Result<Manifest> parse_manifest(std::string_view text, const Limits& limits) {
  return parse(text, kManifest, limits);
}

Result<Manifest> parse_manifest_augment(std::string_view text, const Limits& limits) {
  return parse(text, kAugment, limits);
}

}  // namespace patchbay::artifact
