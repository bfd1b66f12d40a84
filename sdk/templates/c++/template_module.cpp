// Update module for payloads of type "template-module": puts the payload file template-module.conf
// at /etc, and can undo it.
#include <patchbay/module.hpp>

using namespace patchbay::module;

class TemplateModule : public Module {
 public:
  static constexpr Facts kFacts{.types = "template-module",
                                .version = "0.1",
                                .description = "Replaces /etc/template-module.conf",
                                .writes = "/etc/template-module.conf",
                                .rollback = true};

  Result<bool> supports_rollback(Context&) override { return true; }

  Status install(Context& context) override {
    PATCHBAY_TRY(const auto file, context.payload_file("template-module.conf"));
    PATCHBAY_TRY(auto changes, Changes::begin(context));
    PATCHBAY_CHECK(
        changes.or_undo(changes.replace_file("/etc/template-module.conf", file.path, {})));
    return changes.complete();
  }
  Status rollback(Context& context) override { return Changes::roll_back(context); }
  Status failure(Context& context) override { return Changes::clean_up(context); }
  Status cleanup(Context& context) override { return Changes::clean_up(context); }
};

PATCHBAY_MODULE(TemplateModule)
