#include "modules/directory/libarchive.hpp"

#include <dlfcn.h>

#include <string>

namespace patchbay::directory {
namespace {

// The binary interface of all of libarchive 3.
constexpr const char* kLibrary = "libarchive.so.13";

class Loader {
 public:
  explicit Loader(void* library) : library_{library} {}

  template <typename Function>
  void find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(::dlsym(library_, name));
    if (function == nullptr && missing_.empty()) missing_ = name;
  }
  [[nodiscard]] const std::string& missing() const { return missing_; }

 private:
  void* library_;
  std::string missing_;
};

}  // namespace

module::Result<LibArchive> LibArchive::load() {
  void* const library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    return module::Error{std::string{"libarchive is needed to unpack, and cannot be loaded ("} +
                         ::dlerror() + "); install the package libarchive13"};
  Loader loader{library};
  LibArchive la{};
  loader.find(la.read_new, "archive_read_new");
  loader.find(la.read_support_format_tar, "archive_read_support_format_tar");
  loader.find(la.read_support_filter_gzip, "archive_read_support_filter_gzip");
  loader.find(la.read_support_filter_bzip2, "archive_read_support_filter_bzip2");
  loader.find(la.read_support_filter_xz, "archive_read_support_filter_xz");
  loader.find(la.read_support_filter_zstd, "archive_read_support_filter_zstd");
  loader.find(la.read_open_filename, "archive_read_open_filename");
  loader.find(la.read_next_header, "archive_read_next_header");
  loader.find(la.read_data_block, "archive_read_data_block");
  loader.find(la.read_data, "archive_read_data");
  loader.find(la.read_free, "archive_read_free");
  loader.find(la.filter_bytes, "archive_filter_bytes");
  loader.find(la.error_string, "archive_error_string");
  loader.find(la.entry_pathname, "archive_entry_pathname");
  loader.find(la.entry_hardlink, "archive_entry_hardlink");
  loader.find(la.entry_size, "archive_entry_size");
  loader.find(la.entry_filetype, "archive_entry_filetype");
  loader.find(la.write_disk_new, "archive_write_disk_new");
  loader.find(la.write_disk_set_options, "archive_write_disk_set_options");
  loader.find(la.write_disk_set_standard_lookup, "archive_write_disk_set_standard_lookup");
  loader.find(la.write_header, "archive_write_header");
  loader.find(la.write_data_block, "archive_write_data_block");
  loader.find(la.write_finish_entry, "archive_write_finish_entry");
  loader.find(la.write_close, "archive_write_close");
  loader.find(la.write_free, "archive_write_free");
  if (!loader.missing().empty())
    return module::Error{std::string{kLibrary} + " lacks the function " + loader.missing()};
  return la;
}

}  // namespace patchbay::directory
