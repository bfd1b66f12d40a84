#include "patchbay/plugin.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>

// The plugin binding: one process, many calls.

struct pb_module {
  const pb_host_t* host;
  std::unique_ptr<patchbay::module::Module> module;
};

namespace patchbay::module {
namespace {

std::int32_t fail(pb_error_t* error, std::int32_t code, std::string_view message) {
  const auto length = std::min(message.size(), sizeof error->message - 1);
  std::memcpy(error->message, message.data(), length);
  error->message[length] = '\0';
  return code;
}

std::int32_t fail(pb_error_t* error, const Error& reason) {
  error->os_error = reason.error_number();
  const bool full = reason.error_number() == ENOSPC || reason.error_number() == EDQUOT;
  return fail(error, full ? PB_NO_SPACE : PB_FAILED, reason.message());
}

/// Runs `body`, which returns a Status; whatever comes out of it becomes a number and a message.
template <typename Body>
std::int32_t guarded(pb_error_t* error, Body body) {
  try {
    const Status status = body();
    return status ? PB_OK : fail(error, status.error());
  } catch (const std::exception& escaped) {
    return fail(error, PB_FAILED, std::string{"internal error: "} + escaped.what());
  } catch (...) {  // boundary: nothing of C++ crosses it
    return fail(error, PB_FAILED, "internal error");
  }
}

Context context_of(const pb_module_t& module) {
  return Context{*module.host};
}

std::int32_t run_state(pb_module_t* module, pb_error_t* error, Status (Module::*state)(Context&)) {
  return guarded(error, [&] {
    Context context = context_of(*module);
    return (module->module.get()->*state)(context);
  });
}

template <typename Question>
std::int32_t ask(pb_module_t* module, std::int32_t* answer, pb_error_t* error, Question question) {
  return guarded(error, [&]() -> Status {
    Context context = context_of(*module);
    PATCHBAY_TRY(*answer, question(*module->module, context));
    return Done{};
  });
}

std::int32_t plan_lines(pb_module_t* module, void (*line)(void*, pb_text_t), void* data,
                        pb_error_t* error) {
  return guarded(error, [&]() -> Status {
    Context context = context_of(*module);
    PATCHBAY_TRY(const auto lines, module->module->plan(context));
    for (const auto& text : lines)
      line(data, {text.data(), text.size()});
    return Done{};
  });
}

constexpr pb_plan_v1_t kPlan{sizeof kPlan, 1, plan_lines};

}  // namespace

namespace plugin_calls {

std::int32_t create(const pb_host_t* host, pb_module_t** module, pb_error_t* error, Factory make) {
  return guarded(error, [&]() -> Status {
    *module = new pb_module{host, make()};
    return Done{};
  });
}

void destroy(pb_module_t* module) {
  delete module;
}

std::int32_t provide_payload_file_sizes(pb_module_t* module, std::int32_t* answer,
                                        pb_error_t* error) {
  return ask(module, answer, error, [](Module& self, Context& context) -> Result<std::int32_t> {
    PATCHBAY_TRY(const bool wanted, self.provide_payload_file_sizes(context));
    return wanted ? PB_YES : PB_NO;
  });
}

std::int32_t needs_artifact_reboot(pb_module_t* module, std::int32_t* answer, pb_error_t* error) {
  return ask(module, answer, error, [](Module& self, Context& context) -> Result<std::int32_t> {
    PATCHBAY_TRY(const Reboot reboot, self.needs_reboot(context));
    if (reboot == Reboot::no) return PB_NO;
    return reboot == Reboot::custom ? PB_YES : PB_AUTOMATIC;
  });
}

std::int32_t supports_rollback(pb_module_t* module, std::int32_t* answer, pb_error_t* error) {
  return ask(module, answer, error, [](Module& self, Context& context) -> Result<std::int32_t> {
    PATCHBAY_TRY(const bool supported, self.supports_rollback(context));
    return supported ? PB_YES : PB_NO;
  });
}

std::int32_t download(pb_module_t* module, pb_error_t* error) {
  return guarded(error, [&] {
    Context context = context_of(*module);
    PayloadStream stream{context};
    return module->module->download(context, stream);
  });
}

std::int32_t artifact_install(pb_module_t* module, pb_error_t* error) {
  return run_state(module, error, &Module::install);
}
std::int32_t artifact_reboot(pb_module_t* module, pb_error_t* error) {
  return run_state(module, error, &Module::reboot);
}
std::int32_t artifact_verify_reboot(pb_module_t* module, pb_error_t* error) {
  return run_state(module, error, &Module::verify_reboot);
}
std::int32_t artifact_commit(pb_module_t* module, pb_error_t* error) {
  return run_state(module, error, &Module::commit);
}
std::int32_t artifact_rollback(pb_module_t* module, pb_error_t* error) {
  return run_state(module, error, &Module::rollback);
}
std::int32_t artifact_rollback_reboot(pb_module_t* module, pb_error_t* error) {
  return run_state(module, error, &Module::rollback_reboot);
}
std::int32_t artifact_verify_rollback_reboot(pb_module_t* module, pb_error_t* error) {
  return run_state(module, error, &Module::verify_rollback_reboot);
}
std::int32_t artifact_failure(pb_module_t* module, pb_error_t* error) {
  return run_state(module, error, &Module::failure);
}
std::int32_t cleanup(pb_module_t* module, pb_error_t* error) {
  return run_state(module, error, &Module::cleanup);
}

const void* extension(pb_module_t*, pb_text_t id, std::uint32_t version) {
  return pb_text_is(id, PB_EXTENSION_PLAN) && version == 1 ? &kPlan : nullptr;
}

}  // namespace plugin_calls
}  // namespace patchbay::module
