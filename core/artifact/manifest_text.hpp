#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/artifact/rewriter.hpp"
#include "core/artifact/sha256.hpp"

namespace patchbay::artifact {

using FileChanges = std::map<std::string, std::optional<NewFile>>;

/// A manifest that is being changed: its lines in their order.
class ManifestText {
 public:
  /// `text` is a manifest that Reader has accepted.
  static Result<ManifestText> parse(std::string_view text);

  /// The header's entry is called `name` from now on ("header.tar.xz").
  void rename_header(const std::string& name);
  void set_header(const Digest& digest);

  /// Lines of files that go are taken out, those of new ones put in, with a checksum of zeros.
  void change_files(std::size_t payload, const FileChanges& changes);
  void set_file(std::size_t payload, const std::string& name, const Digest& digest);

  [[nodiscard]] std::string text() const;

 private:
  struct Line {
    std::string digest, path;
  };
  void set(const std::string& path, const Digest& digest);
  std::vector<Line>::iterator header_line();
  std::vector<Line> lines_;
};

}  // namespace patchbay::artifact
