#include "sdk/artifact/transfer.hpp"

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <filesystem>

#include "core/os/file.hpp"
#include "core/os/file_replacement.hpp"
#include "sdk/artifact/editing.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::size_t kStep = 256 * kKiB;

/// What is to be copied: a file of ours, with the mode it had.
struct Taken {
  std::string path;
  std::string name;
  unsigned mode = 0644;
};

Result<Taken> take(const Editing& editing, const Place& place) {
  if (place.path.empty()) {
    if (editing.has_file()) return Taken{editing.file(), place.file, editing.mode()};
    return Error{ErrorCode::not_found, place.container + " has no payload file " + place.file};
  }
  PB_TRY(const auto image, editing.image());
  PB_TRY(const auto entry, image->stat(editing.path()));
  PB_CHECK(image->copy_out(editing.path(), editing.scratch()).context(place.container));
  return Taken{editing.scratch(), place.path.substr(place.path.rfind('/') + 1),
               entry ? entry->mode : 0644U};
}

template <typename Write>
Status copy(const std::string& from, Write write) {
  PB_TRY(UniqueFd fd, os::open_file(from, O_RDONLY));
  os::FdSource source{std::move(fd), from};
  ByteVector buffer(kStep);
  while (true) {
    PB_TRY(const std::size_t count, source.read(buffer));
    if (count == 0) return Done{};
    PB_CHECK(write(ByteSpan{buffer}.first(count)));
  }
}

Status copy_to_file(const Taken& taken, std::string target) {
  std::error_code ignored;
  if (target.ends_with('/') || std::filesystem::is_directory(target, ignored))
    target = os::join(target, taken.name);
  PB_TRY(os::FileReplacement out, os::FileReplacement::begin(target));
  PB_CHECK(copy(taken.path, [&](ByteSpan bytes) { return out.write(bytes); }));
  PB_CHECK(out.commit());
  std::error_code problem;
  std::filesystem::permissions(target, std::filesystem::perms{taken.mode & 0777U}, problem);
  if (problem) return Error::from_errno(problem.value(), "set mode of " + target);
  return Done{};
}

}  // namespace

void add_temporary_option(CLI::App& app, std::string& temporary) {
  app.add_option("--tmp", temporary, "Directory for temporary files (default: TMPDIR, or /tmp)")
      ->type_name("DIR");
}

Status copy_out(const Place& place, const std::string& target, const std::string& temporary) {
  PB_TRY(const Editing editing, Editing::begin(place, temporary));
  PB_TRY(const Taken taken, take(editing, place));
  if (target != "-") return copy_to_file(taken, target);
  return copy(taken.path, [](ByteSpan bytes) { return os::write_all(STDOUT_FILENO, bytes); })
      .context("standard output");
}

}  // namespace patchbay::artifact_tool
