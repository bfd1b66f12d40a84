#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"
#include "sdk/artifact/image.hpp"
#include "sdk/artifact/image_tools.hpp"

namespace patchbay::artifact_tool {
namespace {

Error refuse(ErrorCode code, std::string message) {
  return {code, std::move(message)};
}

/// One word of a request: debugfs takes everything between the quotes, and "" for a quote.
std::string quoted(const std::string& text) {
  std::string word = "\"";
  for (const char c : text)
    word += c == '"' ? "\"\"" : std::string(1, c);
  return word + "\"";
}

/// The number behind `label` in what debugfs says about an inode.
std::optional<unsigned> number_after(const std::string& text, const std::string& label, int base) {
  const std::size_t at = text.find(label);
  if (at == std::string::npos) return std::nullopt;
  return static_cast<unsigned>(std::strtoul(text.c_str() + at + label.size(), nullptr, base));
}

Image::Kind kind_of(const std::string& text) {
  const std::string type = text.substr(text.find("Type: ") + 6, 9);
  if (type.starts_with("regular")) return Image::Kind::file;
  if (type.starts_with("directory")) return Image::Kind::directory;
  return type.starts_with("symlink") ? Image::Kind::link : Image::Kind::other;
}

/// Where the clock is not to show in the result, it stands still.
void add_clock(std::vector<std::string>& requests) {
  const char* seconds = std::getenv("SOURCE_DATE_EPOCH");
  if (seconds != nullptr) requests.push_back("set_current_time @" + std::string{seconds});
}

class ExtImage final : public Image {
 public:
  ExtImage(std::string path, std::string debugfs)
      : path_{std::move(path)}, debugfs_{std::move(debugfs)} {}

  [[nodiscard]] Result<std::optional<Entry>> stat(const std::string& path) const override;
  [[nodiscard]] Status copy_out(const std::string& path, const std::string& host) const override;
  Status copy_in(const std::string& host, const std::string& path,
                 const Entry& attributes) override;
  Status make_directories(const std::string& path) override;
  Status remove(const std::string& path, Depth depth) override;
  [[nodiscard]] Status check() const override;

 private:
  [[nodiscard]] Result<std::string> ask(const std::string& request) const;
  Status change(const std::vector<std::string>& requests);
  Status collect_removal(const std::string& path, Depth depth, std::vector<std::string>& requests);

  std::string path_;
  std::string debugfs_;
};

Result<std::string> ExtImage::ask(const std::string& request) const {
  PB_TRY(Answer answer, run_program(debugfs_, {"-R", request, path_}));
  if (!answer.exit.success())
    return refuse(ErrorCode::io, "debugfs: " + answer.exit.describe() + ": " + answer.errors);
  if (!answer.errors.empty()) return refuse(ErrorCode::not_found, "debugfs: " + answer.errors);
  return std::move(answer.exit.output);
}

/// debugfs goes on after a request that failed and exits with 0: what it says is what counts.
Status ExtImage::change(const std::vector<std::string>& requests) {
  std::vector<std::string> all;
  add_clock(all);
  all.insert(all.end(), requests.begin(), requests.end());
  std::string text;
  for (const std::string& request : all)
    text += request + "\n";
  const std::string file = path_ + ".requests";
  PB_CHECK(os::replace_file(file, as_bytes(text), 0600));
  PB_TRY(const Answer answer, run_program(debugfs_, {"-w", "-f", file, path_}));
  ::unlink(file.c_str());
  if (answer.exit.success() && answer.errors.empty()) return Done{};
  return refuse(ErrorCode::io, "debugfs: " + (answer.errors.empty() ? answer.exit.describe()
                                                                    : printable(answer.errors)));
}

Result<std::optional<Image::Entry>> ExtImage::stat(const std::string& path) const {
  auto text = ask("stat " + quoted(path));
  if (!text && text.error().code() == ErrorCode::not_found) {
    if (text.error().message().find("File not found") != std::string::npos)
      return std::optional<Entry>{};
    // A name behind a file or a link: there is nothing, either.
    if (text.error().message().find("not a directory") != std::string::npos)
      return std::optional<Entry>{};
  }
  if (!text) return std::move(text).error();
  Entry entry;
  entry.kind = kind_of(*text);
  const auto mode = number_after(*text, "Mode:", 8);
  const auto uid = number_after(*text, "User:", 10);
  const auto gid = number_after(*text, "Group:", 10);
  if (!mode || !uid || !gid)
    return refuse(ErrorCode::io, "debugfs: unexpected answer about \"" + path + "\"");
  entry.mode = *mode & 07777U;
  entry.uid = *uid;
  entry.gid = *gid;
  return std::optional{entry};
}

Status ExtImage::copy_out(const std::string& path, const std::string& host) const {
  PB_TRY(const auto entry, stat(path));
  if (!entry) return nothing_at(path);
  if (entry->kind != Kind::file)
    return refuse(ErrorCode::invalid_input, "\"" + path + "\" is not a regular file");
  return ask("dump " + quoted(path) + " " + quoted(host))
             ? Status{Done{}}
             : Status{refuse(ErrorCode::io, "cannot read \"" + path + "\" from the image")};
}

Status ExtImage::copy_in(const std::string& host, const std::string& path,
                         const Entry& attributes) {
  PB_TRY(const auto before, need_place_for_file(path));
  std::vector<std::string> requests;
  if (before) requests.push_back("rm " + quoted(path));
  // `write` takes a name in the current directory, not a path.
  requests.push_back("cd " + quoted(directory_of(path)));
  const std::string name = path.substr(path.rfind('/') + 1);
  requests.push_back("write " + quoted(host) + " " + quoted(name));
  std::array<char, 16> mode{};
  std::snprintf(mode.data(), mode.size(), "0%o", 0100000U | (attributes.mode & 07777U));
  const std::string field = "set_inode_field " + quoted(path) + " ";
  requests.push_back(field + "mode " + mode.data());
  requests.push_back(field + "uid " + std::to_string(attributes.uid));
  requests.push_back(field + "gid " + std::to_string(attributes.gid));
  return change(requests).context("write \"" + path + "\"");
}

Status ExtImage::make_directories(const std::string& path) {
  std::vector<std::string> requests;
  PB_CHECK(for_each_missing(path, [&](const std::string& missing) -> Status {
    requests.push_back("mkdir " + quoted(missing));
    return Done{};
  }));
  if (requests.empty()) return Done{};
  return change(requests).context("make directory \"" + path + "\"");
}

/// Lines of `ls -p`: "/12/100644/0/0/name/6/".
Status ExtImage::collect_removal(const std::string& path, Depth depth,
                                 std::vector<std::string>& requests) {
  PB_TRY(const auto entry, stat(path));
  if (!entry) return nothing_at(path);
  if (entry->kind != Kind::directory) {
    requests.push_back("rm " + quoted(path));
    return Done{};
  }
  PB_TRY(const std::string listing, ask("ls -p " + quoted(path)));
  for (std::size_t at = 0; at < listing.size();) {
    const std::size_t end = std::min(listing.find('\n', at), listing.size());
    std::string line = listing.substr(at, end - at);
    at = end + 1;
    for (int field = 0; field < 5; ++field)
      line.erase(0, std::min(line.find('/'), line.size()) + 1);
    const std::string name = line.substr(0, line.find('/'));
    if (name.empty() || name == "." || name == "..") continue;
    if (depth == Depth::one)
      return refuse(ErrorCode::conflict,
                    "\"" + path + "\" is a directory that is not empty; --recursive removes it");
    PB_CHECK(collect_removal(path + "/" + name, depth, requests));
  }
  requests.push_back("rmdir " + quoted(path));
  return Done{};
}

Status ExtImage::remove(const std::string& path, Depth depth) {
  if (path == "/") return refuse(ErrorCode::denied, "the root of the image cannot be removed");
  std::vector<std::string> requests;
  PB_CHECK(collect_removal(path, depth, requests));
  return change(requests).context("remove \"" + path + "\"");
}

Status ExtImage::check() const {
  PB_TRY(const std::string program, find_program("e2fsck", "e2fsprogs"));
  PB_TRY(const Answer answer, run_program(program, {"-f", "-n", path_}));
  if (answer.exit.success()) return Done{};
  return refuse(ErrorCode::io, "e2fsck is not content with the changed image: " +
                                   printable(answer.exit.output + answer.errors, 1000));
}

}  // namespace

Result<std::unique_ptr<Image>> open_ext_image(const std::string& path) {
  PB_TRY(std::string debugfs, find_program("debugfs", "e2fsprogs"));
  return std::unique_ptr<Image>{std::make_unique<ExtImage>(path, std::move(debugfs))};
}

}  // namespace patchbay::artifact_tool
