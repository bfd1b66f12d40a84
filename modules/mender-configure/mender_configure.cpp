#include <cstdio>
#include <string_view>

#include "modules/mender-configure/apply.hpp"
#include "patchbay/module.hpp"

namespace patchbay::mender_configure {
namespace {

using module::Changes;
using module::Context;
using module::Description;
using module::Done;
using module::Lines;
using module::Reboot;
using module::Result;
using module::Status;

// How far this update is, in the module's state. No stage: scripts have not run.
constexpr const char* kStage = "stage";
constexpr const char* kApplying = "applying";
constexpr const char* kApplied = "applied";
constexpr const char* kRestoring = "restoring";
constexpr const char* kRestored = "restored";
constexpr const char* kNeedsReboot = "needs-reboot";
constexpr mode_t kPrivate = 0600;

Status apply_and_note(Context& context, const std::string& document) {
  PATCHBAY_TRY(const auto applied, apply(document));
  return applied == Applied::after_reboot ? context.set_state(kNeedsReboot, "")
                                          : context.remove_state(kNeedsReboot);
}

class MenderConfigure final : public module::Module {
 public:
  Result<bool> supports_rollback(Context&) override { return true; }

  Result<Reboot> needs_reboot(Context& context) override {
    PATCHBAY_TRY(const auto wanted, context.state(kNeedsReboot));
    return wanted ? Reboot::automatic : Reboot::no;
  }

  Status download(Context& context, module::PayloadStream&) override { return check(context); }

  Status install(Context& context) override {
    PATCHBAY_CHECK(check(context));
    PATCHBAY_CHECK(finish_what_was_cut(context));
    PATCHBAY_TRY(auto changes, Changes::begin(context));
    // Before the document changes: a new one that no script has seen must not stay.
    PATCHBAY_CHECK(context.set_state(kStage, kApplying));
    PATCHBAY_CHECK(changes.or_undo(replace(context, changes)));
    PATCHBAY_CHECK(apply_and_note(context, document_path()));
    return context.set_state(kStage, kApplied);
  }

  Status rollback(Context& context) override {
    PATCHBAY_TRY(const auto stage, context.state(kStage));
    if (stage == kRestored) return Done{};
    if (stage) PATCHBAY_CHECK(context.set_state(kStage, kRestoring));
    PATCHBAY_CHECK(Changes::roll_back(context));
    if (!stage) return Done{};
    PATCHBAY_CHECK(apply_old(context));
    return context.set_state(kStage, kRestored);
  }

  Status failure(Context& context) override { return cleanup(context); }

  // Nobody asked for a rollback of what was cut: the device must not stay between two documents.
  Status cleanup(Context& context) override {
    PATCHBAY_CHECK(finish_what_was_cut(context));
    return Changes::clean_up(context);
  }

  Result<std::optional<Description>> describe(Context&) override {
    return {Description{.type = "mender-configure",
                        .description = "Replaces the device's configuration, and applies it.",
                        .rollback = true,
                        .reboot = Description::Reboots::maybe,
                        .streams = false,
                        .writes = {document_path(), "*"}}};
  }

  Result<Lines> plan(Context& context) override {
    PATCHBAY_CHECK(check(context));
    return Lines{"replace " + document_path() + " and apply it, rollback possible"};
  }

 private:
  static Status check(Context& context) {
    PATCHBAY_TRY(const auto document, context.meta_data());
    PATCHBAY_CHECK(check_document(document));
    return require_scripts();
  }

  static Status replace(Context& context, Changes& changes) {
    PATCHBAY_TRY(const auto document, context.meta_data());
    const auto fresh = context.tmp_path("device-config.json");
    PATCHBAY_CHECK(module::replace_file(fresh, document, kPrivate));
    PATCHBAY_CHECK(changes.make_directories(module::parent_path(document_path())));
    PATCHBAY_CHECK(changes.replace_file(document_path(), fresh, {.mode = kPrivate}));
    return changes.complete();
  }

  Status finish_what_was_cut(Context& context) {
    PATCHBAY_TRY(const auto stage, context.state(kStage));
    const bool cut = stage == kApplying || stage == kRestoring;
    if (!cut) return Done{};
    return rollback(context);
  }

  // Without an old document, what was applied is taken back by one without settings.
  static Status apply_old(Context& context) {
    if (module::exists(document_path())) return apply_and_note(context, document_path());
    const auto empty = context.tmp_path("no-config.json");
    PATCHBAY_CHECK(module::replace_file(empty, "{}\n", kPrivate));
    return apply_and_note(context, empty);
  }
};

// At every boot, by a unit of the add-on: no update is in progress then.
int apply_only() {
  if (!module::exists(document_path())) return 0;
  const auto applied = apply(document_path());
  if (!applied) std::fprintf(stderr, "%s\n", applied.error().message().c_str());
  return applied ? 0 : 1;
}

}  // namespace
}  // namespace patchbay::mender_configure

int main(int argc, char** argv) {
  using namespace patchbay;
  if (argc > 1 && std::string_view{argv[1]} == "--apply-only")
    return mender_configure::apply_only();
  mender_configure::MenderConfigure configure;
  return module::run_executable(configure, argc, argv);
}
