#include "sdk/kit/traced_call.hpp"

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string_view>

namespace patchbay::kit {
namespace {

using host::Call;

/// For a process whose standard error is kept.
class PrintingLog final : public Log {
 public:
  void write(LogLevel, std::string_view message) override {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
  }
};

}  // namespace

TracedCall::TracedCall(const Subject& subject, const std::string& tree, Call call) {
  program_.argv = {subject.program,   kCallOnce, subject.file.type,
                   subject.file.path, tree,      std::string{to_string(call)}};
  program_.environment = subject.environment;
}

Cut TracedCall::stopped_at(unsigned nth) const {
  return run_and_cut(program_, nth);
}

unsigned TracedCall::changes() const {
  try {
    return run_and_cut(program_, 0).calls;
  } catch (const std::exception&) {
    return 0;
  }
}

std::optional<Cut> TracedCall::to_reboot(const std::string& output) const {
  auto program = program_;
  program.output = output;
  try {
    return run_to_reboot(program);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

int run_one_call(const std::string& type, const std::string& path, const std::string& tree,
                 const std::string& call) {
  PrintingLog log;
  host::ModuleSettings settings;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    settings.environment.emplace_back(*entry);
  const auto binding = path.ends_with(".so") ? host::Binding::plugin : host::Binding::executable;
  const auto module = host::bind_module({type, path, binding}, tree, settings, log, nullptr);
  if (!module) return 1;
  for (int number = 0; number <= static_cast<int>(Call::cleanup); ++number) {
    const auto candidate = static_cast<Call>(number);
    if (to_string(candidate) != call) continue;
    const auto status = (*module)->call(candidate);
    if (!status) log.error(status.error().message());
    return status ? 0 : 1;
  }
  return 1;
}

}  // namespace patchbay::kit
