#pragma once

#include <archive.h>
#include <archive_entry.h>

#include "patchbay/result.hpp"

namespace patchbay::directory {

/// The functions of libarchive that unpacking needs, loaded at run time.
///
/// Every call of a module is a process, and only one of them unpacks. Linked the usual way,
/// libarchive and the dozen libraries behind it would be loaded for all of them: about twice the
/// time of the whole call.
struct LibArchive {
  decltype(&archive_read_new) read_new;
  decltype(&archive_read_support_format_tar) read_support_format_tar;
  decltype(&archive_read_support_filter_gzip) read_support_filter_gzip;
  decltype(&archive_read_support_filter_bzip2) read_support_filter_bzip2;
  decltype(&archive_read_support_filter_xz) read_support_filter_xz;
  decltype(&archive_read_support_filter_zstd) read_support_filter_zstd;
  decltype(&archive_read_open_filename) read_open_filename;
  decltype(&archive_read_next_header) read_next_header;
  decltype(&archive_read_data_block) read_data_block;
  decltype(&archive_read_data) read_data;
  decltype(&archive_read_free) read_free;
  decltype(&archive_filter_bytes) filter_bytes;
  decltype(&archive_error_string) error_string;
  decltype(&archive_entry_pathname) entry_pathname;
  decltype(&archive_entry_hardlink) entry_hardlink;
  decltype(&archive_entry_size) entry_size;
  decltype(&archive_entry_filetype) entry_filetype;
  decltype(&archive_write_disk_new) write_disk_new;
  decltype(&archive_write_disk_set_options) write_disk_set_options;
  decltype(&archive_write_disk_set_standard_lookup) write_disk_set_standard_lookup;
  decltype(&archive_write_header) write_header;
  decltype(&archive_write_data_block) write_data_block;
  decltype(&archive_write_finish_entry) write_finish_entry;
  decltype(&archive_write_close) write_close;
  decltype(&archive_write_free) write_free;

  /// Loads the library; it stays loaded until the process ends. Error: it is not installed.
  static module::Result<LibArchive> load();
};

}  // namespace patchbay::directory
