#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "modules/bootloader/record.hpp"
#include "modules/bootloader/request.hpp"
#include "modules/bootloader/settings.hpp"
#include "patchbay/module.hpp"
#include "sdk/slot/slot_device.hpp"

namespace patchbay::bootloader {

/// Gives the image for a copy.
using Images = std::function<module::Result<std::string>(Slot)>;

/// A boot loader of this device: its copies, and how the machine chooses between them. Found anew
/// in each call. Blocking, one thread.
class Area {
 public:
  Area() = default;
  Area(const Area&) = delete;
  Area& operator=(const Area&) = delete;
  virtual ~Area() = default;

  /// What an install would do, for people.
  [[nodiscard]] virtual module::Lines plan() const = 0;
  /// Whether an update may begin: an error says what is in the way. Changes nothing.
  virtual module::Status check(const Request& request) = 0;
  /// Brings the new loader to where the machine will start it, and says so in the record, step by
  /// step. Nothing is written when it is there already.
  virtual module::Status install(module::Context& context, const Images& images,
                                 Record& record) = 0;
  /// Whether the machine starts what was installed.
  virtual module::Status verify(const Record& record) = 0;
  /// The end of a trial, where there is one.
  virtual module::Status keep(const Record& record) = 0;
  /// Whether the machine starts what it started before, and everything the record tells of is back.
  virtual module::Status verify_old(const Record& record) = 0;
  /// Whether what is there can be what an install or a way back has left that was cut: of each
  /// part, the old content or the new. So it may be old or new as a whole, too.
  virtual module::Status verify_midway(const Images& images, const Record& record) = 0;
  /// Puts back everything the record tells of.
  virtual module::Status roll_back(module::Context& context, const Record& record) = 0;
  /// What there is left to remove after the end.
  virtual module::Status clean_up(module::Context&) { return module::Done{}; }
};

/// The area of these settings, as it is now. Errors name what is missing or not sane.
module::Result<std::unique_ptr<Area>> open_area(const AreaSettings& settings, slot::Files files);

/// The back ends of that: copies on devices, and files on the EFI system partition.
module::Result<std::unique_ptr<Area>> open_device_area(const AreaSettings& settings,
                                                       slot::Files files);
std::unique_ptr<Area> open_file_area(const AreaSettings& settings);

/// Errors that both have.
module::Status require_risk_accepted(const Request& request, const std::string& area);
/// Whether `content` has the sum of what was installed.
module::Status require_installed(const std::string& content, const std::string& where,
                                 const Record::Installed& installed);
/// Whether `content` has the sum of what was there before the update.
module::Status require_old(const std::string& content, const std::string& where,
                           const std::string& sum);

}  // namespace patchbay::bootloader
