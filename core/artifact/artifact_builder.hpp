#pragma once

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/artifact/sha256.hpp"
#include "core/base/bytes.hpp"

/// Puts tar archives and artifacts together byte by byte, for tests of the reader.
namespace patchbay::testing {

/// The header fields a test may want to get wrong.
struct TarFields {
  char type = '0';
  std::string size = {};                   ///< raw field; empty: the body's length
  std::string magic = {"ustar\00000", 8};  ///< "ustar  \0": GNU
  std::string prefix = {};                 ///< ustar prefix
  int checksum_error = 0;                  ///< added to the checksum
};

inline std::string octal_field(std::uint64_t value, std::size_t width) {
  std::string digits;
  for (; value > 0; value /= 8)
    digits.insert(digits.begin(), static_cast<char>('0' + value % 8));
  return std::string(width - 1 - std::min(width - 1, digits.size()), '0') + digits + '\0';
}

inline std::string tar_header(std::string_view name, std::uint64_t size, TarFields fields = {}) {
  std::string block(512, '\0');
  block.replace(0, name.size(), name);
  block.replace(100, 8, octal_field(0600, 8));
  const std::string size_text = fields.size.empty() ? octal_field(size, 12) : fields.size;
  block.replace(124, size_text.size(), size_text);
  block.replace(148, 8, 8, ' ');
  block[156] = fields.type;
  block.replace(257, 8, fields.magic);
  block.replace(345, fields.prefix.size(), fields.prefix);
  std::uint64_t sum = 0;
  for (const char c : block)
    sum += static_cast<unsigned char>(c);
  block.replace(148, 7, octal_field(sum + static_cast<std::uint64_t>(fields.checksum_error), 7));
  return block;
}

inline std::string tar_entry(std::string_view name, std::string_view body, TarFields fields = {}) {
  std::string entry = tar_header(name, body.size(), std::move(fields)) + std::string{body};
  entry.resize((entry.size() + 511) / 512 * 512, '\0');
  return entry;
}

inline std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length)
    ++length;
  return std::to_string(length) + " " + std::string{key} + "=" + std::string{value} + "\n";
}

inline std::string tar_end() {
  return std::string(1024, '\0');
}

/// An uncompressed artifact in pieces; build() computes the manifest.
struct ArtifactBuilder {
  struct Payload {
    std::string type_json;  ///< "\"mod\"" or "null"
    std::string type_info;  ///< "{\"type\":...}"
    std::vector<std::pair<std::string, std::string>> files;
  };
  std::vector<Payload> payloads{{"\"mod\"", R"({"type":"mod"})", {{"a.txt", "hello\n"}}}};
  std::string signature;  ///< text of manifest.sig; empty: none

  [[nodiscard]] std::string header_info() const {
    std::string types;
    for (const Payload& payload : payloads)
      types += (types.empty() ? "" : ",") + (R"({"type":)" + payload.type_json + "}");
    return R"({"payloads":[)" + types +
           R"(],"artifact_provides":{"artifact_name":"rel"},)"
           R"("artifact_depends":{"device_type":["dev"]}})";
  }

  [[nodiscard]] static std::string index(std::size_t payload) {
    return "000" + std::to_string(payload);
  }

  [[nodiscard]] std::string header() const {
    std::string tar = tar_entry("header-info", header_info());
    for (std::size_t i = 0; i < payloads.size(); ++i)
      tar += tar_entry("headers/" + index(i) + "/type-info", payloads[i].type_info);
    return tar + tar_end();
  }

  [[nodiscard]] std::string manifest() const {
    const auto line = [](std::string_view path, std::string_view content) {
      return to_hex(*artifact::sha256(as_bytes(content))) + "  " + std::string{path} + "\n";
    };
    std::string text;
    for (std::size_t i = 0; i < payloads.size(); ++i) {
      for (const auto& [name, content] : payloads[i].files)
        text += line("data/" + index(i) + "/" + name, content);
    }
    return text + line("header.tar", header()) + line("version", version());
  }

  [[nodiscard]] static std::string version() { return R"({"format":"mender","version":3})"; }

  [[nodiscard]] std::string data(std::size_t payload) const {
    std::string tar;
    for (const auto& [name, content] : payloads[payload].files)
      tar += tar_entry(name, content);
    return tar + tar_end();
  }

  /// Everything before the data entries.
  [[nodiscard]] std::string front() const {
    std::string tar = tar_entry("version", version()) + tar_entry("manifest", manifest());
    if (!signature.empty()) tar += tar_entry("manifest.sig", signature);
    return tar + tar_entry("header.tar", header());
  }

  [[nodiscard]] std::string build() const {
    std::string tar = front();
    for (std::size_t i = 0; i < payloads.size(); ++i)
      tar += tar_entry("data/" + index(i) + ".tar", data(i));
    return tar + tar_end();
  }
};

}  // namespace patchbay::testing
