#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modules/firmware/steps.hpp"
#include "patchbay/result.hpp"

namespace patchbay::firmware {

/// The firmware that is kept on the disk for one kind of device, by version: what the devices have
/// (the last that was seen to work), and during an update also what they are to get.
///
/// A directory with one file for each firmware, and the file `images` that lists them.
class ImageStore {
 public:
  static module::Result<ImageStore> open(const std::string& kind);

  /// The firmware of that version, checked to be what was kept; nothing if there is none or if it
  /// has been damaged.
  [[nodiscard]] std::optional<Image> find(const std::string& version) const;
  /// Keeps a copy, at first as new: for the update in progress. Durable on return.
  module::Status add(const Image& image);
  /// The end of an update that was installed: forgets everything but this version.
  module::Status keep_only(const std::string& version);
  /// The end of one that was not: forgets what is new. Both may be repeated.
  module::Status drop_new();
  /// An unused path in the store's directory, for firmware to be saved in and then added.
  module::Result<std::string> scratch();

 private:
  struct Entry {
    std::string version;
    std::string file;
    std::uint64_t size;
    std::uint32_t checksum;
    bool is_new;
  };

  explicit ImageStore(std::string directory) : directory_{std::move(directory)} {}
  module::Status make_directories();
  module::Status copy_in(const Image& image, const std::string& file);
  module::Status write_list();
  module::Status tidy();
  module::Status remove_strangers();

  std::string directory_;
  std::vector<Entry> entries_;
};

}  // namespace patchbay::firmware
