// Update module for payloads of type "notice": puts the payload file `notice` at /etc/issue.net,
// and can undo it. The same class is a program and a plugin.

#include <patchbay/module.hpp>

using namespace patchbay::module;

class Notice : public Module {
 public:
  static constexpr Facts kFacts{.types = "notice",
                                .version = "1.0",
                                .description = "Replaces the greeting of network logins",
                                .writes = "/etc/issue.net",
                                .rollback = true};

  Result<bool> supports_rollback(Context&) override { return true; }

  Status install(Context& context) override {
    PATCHBAY_TRY(const auto file, context.payload_file("notice"));
    PATCHBAY_TRY(auto changes, Changes::begin(context));
    Changes::FileWish wish;
    wish.progress = [&](std::uint64_t done) {
      if (file.size != 0) context.progress(static_cast<unsigned>(done * 100 / file.size));
    };
    PATCHBAY_CHECK(changes.or_undo(changes.replace_file("/etc/issue.net", file.path, wish)));
    return changes.complete();
  }
  Status rollback(Context& context) override { return Changes::roll_back(context); }
  Status failure(Context& context) override { return Changes::clean_up(context); }
  Status cleanup(Context& context) override { return Changes::clean_up(context); }
};

PATCHBAY_MODULE(Notice)
