#include "core/app/device_consent.hpp"

namespace patchbay::app {

flow::Consent::Answers DeviceConsent::answers(flow::State state) const {
  if (device_.fault()) return Answers::at_once;
  if (server_ != nullptr) return server_->answers(state);
  return state == flow::State::consent_commit ? Answers::at_once : Answers::never;
}

Status DeviceConsent::ask(flow::State state) {
  if (device_.fault()) return *device_.fault();
  if (state == flow::State::consent_commit) PB_CHECK(check_configuration());
  return server_ != nullptr ? server_->ask(state) : Done{};
}

/// As the next start of the client will find it.
Status DeviceConsent::check_configuration() const {
  NullLog unheard;  // what it warns of, the start of this command has warned of
  const auto after = Device::open(options_, unheard);
  if (!after) return Error{after.error()}.context("the update leaves no usable configuration");
  // Nothing could be installed any more.
  PB_CHECK(after->reader_options().context("the update leaves no keys to verify the next one"));
  if (server_ == nullptr) return Done{};
  return after->check_for_daemon(options_).context("the update leaves the daemon unable to start");
}

}  // namespace patchbay::app
