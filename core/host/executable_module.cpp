#include "core/host/executable_module.hpp"

#include "core/host/answer.hpp"
#include "core/host/download.hpp"
#include "core/os/file.hpp"

namespace patchbay::host {
namespace {

class ExecutableModule final : public Module {
 public:
  explicit ExecutableModule(CallContext context) : context_{std::move(context)} {}

  Status call(Call state) override;
  Result<std::string> ask(Call question) override;
  Status download(PayloadSource& source) override;

 private:
  [[nodiscard]] Result<bool> wants_file_sizes();

  CallContext context_;
};

Status ExecutableModule::call(Call state) {
  if (state == Call::cleanup && !os::exists(context_.tree_path)) {
    context_.log->info(context_.file.type + " Cleanup: no work tree, nothing to clean up");
    return Done{};
  }
  PB_TRY(auto running, ModuleCall::start(context_, state, OutputRole::log));
  PB_TRY(const auto exit, running.finish());
  if (!exit.success()) return running.failure(exit);
  return Done{};
}

Result<std::string> ExecutableModule::ask(Call question) {
  PB_TRY(auto running, ModuleCall::start(context_, question, OutputRole::answer));
  PB_TRY(auto exit, running.finish());
  if (!exit.success()) return running.failure(exit);
  if (exit.output_truncated) {
    return running.error(ErrorCode::module_failed,
                         "answered with more than " + human_size(exit.output.size()));
  }
  if (exit.output.ends_with('\n')) exit.output.pop_back();
  return std::move(exit.output);
}

Result<bool> ExecutableModule::wants_file_sizes() {
  PB_TRY(const auto answer, ask(Call::provide_payload_file_sizes));
  return parse_yes_no(Call::provide_payload_file_sizes, answer).context(context_.file.type);
}

Status ExecutableModule::download(PayloadSource& source) {
  PB_TRY(const bool sizes, wants_file_sizes());
  return run_download(context_, sizes ? Call::download_with_file_sizes : Call::download, source);
}

}  // namespace

std::unique_ptr<Module> make_executable_module(CallContext context) {
  return std::make_unique<ExecutableModule>(std::move(context));
}

}  // namespace patchbay::host
