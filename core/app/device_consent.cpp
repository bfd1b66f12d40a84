#include "core/app/device_consent.hpp"

#include "core/base/bytes.hpp"
#include "core/os/process.hpp"

namespace patchbay::app {
namespace {

constexpr auto kPatience = std::chrono::minutes{1};

/// A command of `program` that reads the configuration and the store, and changes nothing.
os::Command look_by(const std::string& program, const Options& options) {
  os::Command command;
  command.program = program;
  if (options.config)
    command.arguments.insert(command.arguments.end(), {"--config", *options.config});
  if (options.fallback_config)
    command.arguments.insert(command.arguments.end(),
                             {"--fallback-config", *options.fallback_config});
  if (options.datastore)
    command.arguments.insert(command.arguments.end(), {"--datastore", *options.datastore});
  command.arguments.emplace_back("show-provides");
  command.environment = os::own_environment();
  return command;
}

}  // namespace

flow::Consent::Answers DeviceConsent::answers(flow::State state) const {
  if (device_.fault()) return Answers::at_once;
  if (server_ != nullptr) return server_->answers(state);
  return state == flow::State::consent_commit ? Answers::at_once : Answers::never;
}

Status DeviceConsent::ask(flow::State state) {
  if (device_.fault()) return *device_.fault();
  if (state == flow::State::consent_commit) {
    PB_CHECK(check_configuration());
    PB_CHECK(check_program());
  }
  return server_ != nullptr ? server_->ask(state) : Done{};
}

/// As the next start of the client will find it.
Status DeviceConsent::check_configuration() const {
  NullLog unheard;  // what it warns of, the start of this command has warned of
  const auto after = Device::open(options_, unheard);
  if (!after) return Error{after.error()}.context("the update leaves no usable configuration");
  // Nothing could be installed any more.
  PB_CHECK(after->reader_options().context("the update leaves no keys to verify the next one"));
  return Done{};
}

/// An update of the client itself: what comes after it has to be able to go on.
Status DeviceConsent::check_program() const {
  if (!program_ || !program_->is_replaced()) return Done{};
  const std::string what = "the update leaves a client that does not work, " + program_->path();
  std::string last;
  PB_TRY(const os::Exit exit,
         os::run(look_by(program_->path(), options_), Deadline::after(kPatience),
                 [&](os::Stream, std::string_view line) { last = line; })
             .context(what));
  if (exit.success()) return Done{};
  return Error{ErrorCode::io,
               what + ": " + exit.describe() + (last.empty() ? "" : ": " + printable(last, 400))};
}

}  // namespace patchbay::app
