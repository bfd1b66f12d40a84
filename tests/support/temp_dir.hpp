#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace patchbay::testing {

/// A directory that exists as long as this object.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "patchbay-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline void write_text(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
  std::ofstream{path, std::ios::binary} << text;
}

inline std::string read_text(const std::string& path) {
  // Not by istreambuf_iterator: byte by byte, an image takes a second under the sanitizers.
  std::ostringstream text;
  text << std::ifstream{path, std::ios::binary}.rdbuf();
  return std::move(text).str();
}

/// Writes an executable script, atomically closed before use.
inline void write_script(const std::string& path, const std::string& text) {
  write_text(path, text);
  std::filesystem::permissions(path, std::filesystem::perms{0755});
}

}  // namespace patchbay::testing
