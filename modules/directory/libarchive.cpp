#include "modules/directory/libarchive.hpp"

#include "patchbay/dynamic_library.hpp"

namespace patchbay::directory {

module::Result<LibArchive> LibArchive::load() {
  // The binary interface of all of libarchive 3.
  auto library = module::DynamicLibrary::open("libarchive.so.13");
  if (!library)
    return module::Error{"libarchive is needed to unpack, and cannot be loaded (" +
                         library.error().message() + "); install the package libarchive13"};
  LibArchive la{};
  library->find("archive_read_new", la.read_new);
  library->find("archive_read_support_format_tar", la.read_support_format_tar);
  library->find("archive_read_support_filter_gzip", la.read_support_filter_gzip);
  library->find("archive_read_support_filter_bzip2", la.read_support_filter_bzip2);
  library->find("archive_read_support_filter_xz", la.read_support_filter_xz);
  library->find("archive_read_support_filter_zstd", la.read_support_filter_zstd);
  library->find("archive_read_open_filename", la.read_open_filename);
  library->find("archive_read_next_header", la.read_next_header);
  library->find("archive_read_data_block", la.read_data_block);
  library->find("archive_read_data", la.read_data);
  library->find("archive_read_free", la.read_free);
  library->find("archive_filter_bytes", la.filter_bytes);
  library->find("archive_error_string", la.error_string);
  library->find("archive_entry_pathname", la.entry_pathname);
  library->find("archive_entry_hardlink", la.entry_hardlink);
  library->find("archive_entry_size", la.entry_size);
  library->find("archive_entry_filetype", la.entry_filetype);
  library->find("archive_write_disk_new", la.write_disk_new);
  library->find("archive_write_disk_set_options", la.write_disk_set_options);
  library->find("archive_write_disk_set_standard_lookup", la.write_disk_set_standard_lookup);
  library->find("archive_write_header", la.write_header);
  library->find("archive_write_data_block", la.write_data_block);
  library->find("archive_write_finish_entry", la.write_finish_entry);
  library->find("archive_write_close", la.write_close);
  library->find("archive_write_free", la.write_free);
  PATCHBAY_CHECK(library->all_found());
  return la;
}

}  // namespace patchbay::directory
