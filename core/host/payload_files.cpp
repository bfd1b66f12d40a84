#include "core/host/payload_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "core/host/work_tree.hpp"

namespace patchbay::host {
namespace {

constexpr const char* kFiles = "files";

Status make_files_directory(const os::Directory& tree) {
  // A module may have made it itself in Download.
  if (::mkdirat(tree.fd(), kFiles, S_IRWXU) == 0 || errno == EEXIST) return Done{};
  return Error::from_errno(errno, "create directory " + os::join(tree.path(), kFiles));
}

Status check_space(const os::Directory& tree, const PayloadSource::File& file) {
  PB_TRY(const auto free, os::free_space(tree.path()));
  if (file.size <= free) return Done{};
  return Error{ErrorCode::no_space, "store " + file.name + ": needs " + human_size(file.size) +
                                        ", but " + tree.path() + " has only " + human_size(free) +
                                        " free"};
}

Status store_file(const os::Directory& tree, const PayloadSource::File& file,
                  PayloadSource& source) {
  PB_CHECK(check_file_name(file.name));
  PB_CHECK(check_space(tree, file));
  const auto name = os::join(kFiles, file.name);
  PB_TRY(const auto out, tree.open_beneath(name, O_WRONLY | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR));
  for (;;) {
    PB_TRY(const auto bytes, source.read());
    if (bytes.empty()) return Done{};
    PB_CHECK(os::write_all(out.get(), bytes).context(os::join(tree.path(), name)));
  }
}

}  // namespace

Status check_file_name(const std::string& name) {
  const bool harmless = !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
                        std::none_of(name.begin(), name.end(), [](char c) {
                          return c == '/' || static_cast<unsigned char>(c) < ' ' || c == '\x7f';
                        });
  if (harmless) return Done{};
  return Error{ErrorCode::invalid_input,
               "payload file name \"" + printable(name) + "\" cannot be given to a module"};
}

Status store_files(const os::Directory& tree, PayloadSource& source) {
  PB_CHECK(make_files_directory(tree));
  for (;;) {
    PB_TRY(const auto file, source.next_file());
    if (!file) return Done{};
    PB_CHECK(store_file(tree, *file, source));
  }
}

Status leave_out(const CallContext& context, PayloadSource& source) {
  context.log->info(context.file.type +
                    ": the device has the payload already; the rest of it is left out");
  return source.skip();
}

}  // namespace patchbay::host
