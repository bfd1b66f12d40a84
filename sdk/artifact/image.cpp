#include "sdk/artifact/image.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"
#include "core/os/process.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::size_t kMagicOffset = 1080;  // in the superblock, which begins at 1024
constexpr std::array<unsigned char, 2> kMagic{0x53, 0xEF};
constexpr auto kLongest = std::chrono::minutes{30};
constexpr std::size_t kMostOutput = 64 * kMiB;

Error refuse(ErrorCode code, std::string message) {
  return {code, std::move(message)};
}

/// The administrator's directories are not in everybody's PATH.
Result<std::string> find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string directories = std::string{path != nullptr ? path : ""} + ":/usr/sbin:/sbin:";
  while (!directories.empty()) {
    const std::size_t end = directories.find(':');
    const std::string candidate = directories.substr(0, end) + "/" + name;
    directories.erase(0, end + 1);
    if (candidate.front() == '/' && candidate[1] != '/' && ::access(candidate.c_str(), X_OK) == 0)
      return candidate;
  }
  return refuse(ErrorCode::not_found,
                "the program " + name + " is missing; install e2fsprogs to work on file systems");
}

/// One word of a request: debugfs takes everything between the quotes, and "" for a quote.
std::string quoted(const std::string& text) {
  std::string word = "\"";
  for (const char c : text)
    word += c == '"' ? "\"\"" : std::string(1, c);
  return word + "\"";
}

struct Answer {
  os::Exit exit;
  std::string errors;  ///< lines of standard error but the program's name and version
};

Result<Answer> run(const std::string& program, std::vector<std::string> arguments) {
  os::Command command;
  command.program = program;
  command.arguments = std::move(arguments);
  command.environment = {"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  command.max_output = kMostOutput;
  Answer answer;
  const auto keep_errors = [&answer](os::Stream stream, std::string_view line) {
    if (stream != os::Stream::err || line.starts_with("debugfs ") || line.starts_with("e2fsck "))
      return;
    answer.errors += (answer.errors.empty() ? "" : "; ") + std::string{line};
  };
  PB_TRY(answer.exit, os::run(command, Deadline::after(kLongest), keep_errors));
  return answer;
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

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// Where the clock is not to show in the result, it stands still.
void add_clock(std::vector<std::string>& requests) {
  const char* seconds = std::getenv("SOURCE_DATE_EPOCH");
  if (seconds != nullptr) requests.push_back("set_current_time @" + std::string{seconds});
}

}  // namespace

Result<std::string> image_path(const std::string& text) {
  if (!text.starts_with('/'))
    return refuse(ErrorCode::invalid_input, "\"" + text + "\" is not an absolute path");
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f')
      return refuse(ErrorCode::invalid_input,
                    "the path \"" + printable(text) + "\" holds a control character");
  }
  std::string path;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('/', at), text.size());
    const std::string name = text.substr(at, end - at);
    at = end + 1;
    if (name == "." || name == "..")
      return refuse(ErrorCode::denied,
                    "\"" + text + "\" holds \"" + name + "\"; write the path without it");
    if (!name.empty()) path += "/" + name;
  }
  return path.empty() ? "/" : path;
}

Result<bool> Image::recognises(const std::string& path) {
  PB_TRY(const UniqueFd fd, os::open_file(path, O_RDONLY));
  std::array<unsigned char, 2> magic{};
  const ssize_t count = ::pread(fd.get(), magic.data(), magic.size(), kMagicOffset);
  return count == static_cast<ssize_t>(magic.size()) && magic == kMagic;
}

Result<Image> Image::open(std::string path) {
  PB_TRY(const bool known, recognises(path));
  if (!known) return refuse(ErrorCode::unsupported, "not an ext2, ext3 or ext4 file system");
  PB_TRY(std::string debugfs, find_program("debugfs"));
  return Image{std::move(path), std::move(debugfs)};
}

Result<std::string> Image::ask(const std::string& request) const {
  PB_TRY(Answer answer, run(debugfs_, {"-R", request, path_}));
  if (!answer.exit.success())
    return refuse(ErrorCode::io, "debugfs: " + answer.exit.describe() + ": " + answer.errors);
  if (!answer.errors.empty()) return refuse(ErrorCode::not_found, "debugfs: " + answer.errors);
  return std::move(answer.exit.output);
}

/// debugfs goes on after a request that failed and exits with 0: what it says is what counts.
Status Image::change(const std::vector<std::string>& requests) {
  std::vector<std::string> all;
  add_clock(all);
  all.insert(all.end(), requests.begin(), requests.end());
  std::string text;
  for (const std::string& request : all)
    text += request + "\n";
  const std::string file = path_ + ".requests";
  PB_CHECK(os::replace_file(file, as_bytes(text), 0600));
  PB_TRY(const Answer answer, run(debugfs_, {"-w", "-f", file, path_}));
  ::unlink(file.c_str());
  if (answer.exit.success() && answer.errors.empty()) return Done{};
  return refuse(ErrorCode::io, "debugfs: " + (answer.errors.empty() ? answer.exit.describe()
                                                                    : printable(answer.errors)));
}

Result<std::optional<Image::Entry>> Image::stat(const std::string& path) const {
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

Status Image::copy_out(const std::string& path, const std::string& host) const {
  PB_TRY(const auto entry, stat(path));
  if (!entry) return refuse(ErrorCode::not_found, "there is no \"" + path + "\" in the image");
  if (entry->kind != Kind::file)
    return refuse(ErrorCode::invalid_input, "\"" + path + "\" is not a regular file");
  return ask("dump " + quoted(path) + " " + quoted(host))
             ? Status{Done{}}
             : Status{refuse(ErrorCode::io, "cannot read \"" + path + "\" from the image")};
}

Status Image::need_directory(const std::string& path) {
  PB_TRY(const auto entry, stat(path));
  if (!entry)
    return refuse(ErrorCode::not_found, "there is no directory \"" + path + "\" in the image");
  if (entry->kind == Kind::directory) return Done{};
  const std::string what =
      entry->kind == Kind::link ? "a symbolic link; name what it points to" : "not a directory";
  return refuse(ErrorCode::invalid_input, "\"" + path + "\" is " + what);
}

Status Image::copy_in(const std::string& host, const std::string& path, const Entry& attributes) {
  const std::string directory = directory_of(path);
  PB_CHECK(need_directory(directory));
  PB_TRY(const auto before, stat(path));
  if (before && before->kind != Kind::file) {
    return refuse(ErrorCode::invalid_input,
                  "\"" + path + "\" is there and is not a regular file; remove it first");
  }
  std::vector<std::string> requests;
  if (before) requests.push_back("rm " + quoted(path));
  // `write` takes a name in the current directory, not a path.
  requests.push_back("cd " + quoted(directory));
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

Status Image::make_directories(const std::string& path) {
  std::vector<std::string> requests;
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string parent = path.substr(0, end);
    PB_TRY(const auto entry, stat(parent));
    if (!entry) requests.push_back("mkdir " + quoted(parent));
    if (entry) PB_CHECK(need_directory(parent));
    if (end == std::string::npos) break;
  }
  if (requests.empty()) return Done{};
  return change(requests).context("make directory \"" + path + "\"");
}

/// Lines of `ls -p`: "/12/100644/0/0/name/6/".
Status Image::collect_removal(const std::string& path, Depth depth,
                              std::vector<std::string>& requests) {
  PB_TRY(const auto entry, stat(path));
  if (!entry) return refuse(ErrorCode::not_found, "there is no \"" + path + "\" in the image");
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

Status Image::remove(const std::string& path, Depth depth) {
  if (path == "/") return refuse(ErrorCode::denied, "the root of the image cannot be removed");
  std::vector<std::string> requests;
  PB_CHECK(collect_removal(path, depth, requests));
  return change(requests).context("remove \"" + path + "\"");
}

Status Image::check() const {
  PB_TRY(const std::string program, find_program("e2fsck"));
  PB_TRY(const Answer answer, run(program, {"-f", "-n", path_}));
  if (answer.exit.success()) return Done{};
  return refuse(ErrorCode::io, "e2fsck is not content with the changed image: " +
                                   printable(answer.exit.output + answer.errors, 1000));
}

}  // namespace patchbay::artifact_tool
