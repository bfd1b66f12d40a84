#pragma once

#include "core/app/device.hpp"
#include "core/app/options.hpp"
#include "core/flow/consent.hpp"
#include "core/os/program_file.hpp"

/// Internal to core/app.
namespace patchbay::app {

/// The device's own say: an update that leaves it without a configuration to go on with, or without
/// a client that starts, is undone while that is still possible. The server's comes after it.
class DeviceConsent final : public flow::Consent {
 public:
  /// `server` may be null. All have to live as long.
  DeviceConsent(const Options& options, const Device& device, flow::Consent* server)
      : options_{options}, device_{device}, server_{server} {}

  [[nodiscard]] Answers answers(flow::State state) const override;
  Status ask(flow::State state) override;

 private:
  [[nodiscard]] Status check_configuration() const;
  [[nodiscard]] Status check_program() const;

  const Options& options_;
  const Device& device_;
  flow::Consent* server_;
  const Result<os::ProgramFile> program_ = os::ProgramFile::current();
};

}  // namespace patchbay::app
