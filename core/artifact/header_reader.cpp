#include "core/artifact/header_reader.hpp"

#include <algorithm>

#include "core/artifact/buffered_source.hpp"
#include "core/artifact/header_json.hpp"
#include "core/artifact/json_check.hpp"
#include "core/artifact/names.hpp"
#include "core/artifact/tar_reader.hpp"
#include "core/base/bytes.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kBufferSize = 64 * kKiB;
constexpr std::string_view kScripts = "scripts/";
constexpr std::string_view kHeaders = "headers/";
constexpr std::string_view kRootfsImage = "rootfs-image";

Error invalid(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

/// Directories that plain tar writes beside the files they hold; they mean nothing.
bool is_known_directory(std::string_view name) {
  if (name == kScripts || name == kHeaders) return true;
  if (!name.starts_with(kHeaders)) return false;
  name.remove_prefix(kHeaders.size());
  return take_index(name) && name == "/";
}

class HeaderReader {
 public:
  HeaderReader(ByteSource& expanded, const Limits& limits)
      : limits_{limits},
        source_{expanded, kBufferSize},
        tar_{source_, limits_, TarReader::EndMarker::required} {}

  Result<Header> read() {
    PB_CHECK(advance());
    PB_CHECK(read_header_info());
    PB_CHECK(read_scripts());
    for (std::size_t index = 0; index < header_.payloads.size(); ++index)
      PB_CHECK(read_payload(index));
    if (entry_) return unexpected("the end of the header");
    PB_CHECK(tar_.finish());
    PB_CHECK(check_provides());
    return std::move(header_);
  }

  Result<PayloadHeader> read_augment(const Header& header) {
    header_ = header;
    PB_CHECK(advance());
    PB_CHECK(read_augment_info());
    header_.payloads[0] = PayloadHeader{header.payloads[0].type, {}, {}, {}, {}, {}};
    PB_CHECK(read_payload(0));
    if (entry_) return unexpected("the end of the augmented header");
    PB_CHECK(tar_.finish());
    return std::move(header_.payloads[0]);
  }

 private:
  /// Makes the next file the current entry; nothing at the end.
  Status advance() {
    do {
      PB_TRY(entry_, tar_.next());
    } while (entry_ && entry_->type == TarEntry::Type::directory &&
             is_known_directory(entry_->name));
    if (entry_ && entry_->type == TarEntry::Type::directory) {
      return invalid("unexpected directory \"" + printable(entry_->name) + "\"");
    }
    return Done{};
  }

  [[nodiscard]] bool at(std::string_view name) const { return entry_ && entry_->name == name; }

  [[nodiscard]] Error unexpected(const std::string& wanted) const {
    if (!entry_) return invalid("ends where " + wanted + " is due");
    return invalid("\"" + printable(entry_->name) + "\" stands where " + wanted + " is due");
  }

  /// The current entry's text; then the entry after it becomes current.
  Result<std::string> take_text(std::size_t limit) {
    PB_TRY(std::string text, tar_.read_text(limit));
    PB_CHECK(advance());
    return text;
  }

  Status read_header_info() {
    if (!at("header-info")) return unexpected("header-info");
    PB_TRY(header_.header_info, take_text(limits_.header_info_bytes));
    PB_TRY(HeaderInfo info, parse_header_info(header_.header_info, limits_).context("header-info"));
    header_.name = std::move(info.name);
    header_.group = std::move(info.group);
    header_.compatible_types = std::move(info.compatible_types);
    header_.depends_names = std::move(info.depends_names);
    header_.depends_groups = std::move(info.depends_groups);
    header_.payloads.resize(info.payload_types.size());
    for (std::size_t i = 0; i < info.payload_types.size(); ++i)
      header_.payloads[i].type = std::move(info.payload_types[i]);
    return Done{};
  }

  /// An unsigned part that changes names or types would make the signature worthless.
  Status read_augment_info() {
    if (!at("header-info")) return unexpected("header-info");
    PB_TRY(const std::string text, take_text(limits_.header_info_bytes));
    PB_TRY(const AugmentInfo info, parse_augment_info(text, limits_).context("header-info"));
    if (header_.payloads.size() != 1 || !header_.payloads[0].type)
      return invalid("only an artifact with one payload, not an empty one, can be augmented");
    if (info.payload_types.size() != 1 || info.payload_types[0] != header_.payloads[0].type)
      return invalid("header-info: the payload types differ from those of the signed part");
    if (!info.repeated) return Done{};
    PB_TRY(const HeaderInfo first, parse_header_info(header_.header_info, limits_));
    if (*info.repeated == first) return Done{};
    return invalid("header-info: provides or depends differ from those of the signed part");
  }

  Status read_scripts() {
    while (entry_ && entry_->name.starts_with(kScripts)) {
      Script script;
      script.name = entry_->name.substr(kScripts.size());
      PB_CHECK(check_script(script.name));
      PB_TRY(script.content, take_text(limits_.script_bytes));
      header_.scripts.push_back(std::move(script));
    }
    return Done{};
  }

  [[nodiscard]] Status check_script(const std::string& name) const {
    if (!is_script_name(name)) {
      return invalid("script \"" + printable(name) +
                     "\" has no name of the form State_Action_NN[_text]");
    }
    if (!header_.payloads[0].type) {
      return invalid("script \"" + name + "\" in an artifact with an empty payload");
    }
    if (header_.scripts.size() == limits_.scripts) {
      return invalid("more than " + std::to_string(limits_.scripts) + " scripts");
    }
    const bool again = std::any_of(header_.scripts.begin(), header_.scripts.end(),
                                   [&](const Script& other) { return other.name == name; });
    if (again) return invalid("script \"" + name + "\" appears twice");
    return Done{};
  }

  Status read_payload(std::size_t index) {
    const std::string prefix = std::string{kHeaders} + index_text(index) + "/";
    PayloadHeader& payload = header_.payloads[index];
    if (!at(prefix + "type-info")) return unexpected(prefix + "type-info");
    PB_TRY(payload.type_info, take_text(limits_.type_info_bytes));
    PB_CHECK(read_type_info(payload).context(prefix + "type-info"));
    if (!at(prefix + "meta-data")) return Done{};
    if (!payload.type) return invalid(prefix + "meta-data in an artifact with an empty payload");
    PB_TRY(payload.meta_data, take_text(limits_.meta_data_bytes));
    if (payload.meta_data.empty()) return Done{};
    return check_json_object(payload.meta_data, limits_).context(prefix + "meta-data");
  }

  Status read_type_info(PayloadHeader& payload) {
    PB_TRY(TypeInfo info, parse_type_info(payload.type_info, limits_));
    // Widely used writers left the type of rootfs-image empty here.
    const bool known_omission = payload.type == kRootfsImage && info.type == "";
    if (info.type != payload.type && !known_omission) {
      return invalid("type is " + shown(info.type) + ", but header-info says " +
                     shown(payload.type));
    }
    payload.provides = std::move(info.provides);
    payload.depends = std::move(info.depends);
    payload.clears = std::move(info.clears);
    return Done{};
  }

  static std::string shown(const std::optional<std::string>& type) {
    return type ? "\"" + printable(*type) + "\"" : "null";
  }

  /// What a device provides is one flat map: with two answers for one key it would depend on the
  /// order of the payloads which of them is stored.
  [[nodiscard]] Status check_provides() const {
    std::map<std::string_view, std::size_t> owners;
    for (std::size_t index = 0; index < header_.payloads.size(); ++index) {
      for (const auto& [key, value] : header_.payloads[index].provides) {
        const auto [owner, added] = owners.emplace(key, index);
        if (added) continue;
        return invalid("\"" + printable(key) + "\" is provided by two payloads, " +
                       index_text(owner->second) + " and " + index_text(index) +
                       "; give their versions different keys (software name)");
      }
    }
    return Done{};
  }

  const Limits& limits_;
  BufferedSource source_;
  TarReader tar_;
  std::optional<TarEntry> entry_;
  Header header_;
};

}  // namespace

Result<Header> read_header(ByteSource& expanded, const Limits& limits) {
  return HeaderReader{expanded, limits}.read();
}

Result<PayloadHeader> read_header_augment(ByteSource& expanded, const Header& header,
                                          const Limits& limits) {
  return HeaderReader{expanded, limits}.read_augment(header);
}

}  // namespace patchbay::artifact
