// One class, built as an executable and as a plugin: both have to be seen doing the same.

#include <fcntl.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "patchbay/module.hpp"

namespace {

using namespace patchbay::module;

class Twin final : public Module {
 public:
  static constexpr Facts kFacts{.types = "twin",
                                .version = "3",
                                .description = "Is built both ways",
                                .writes = "/opt/twin\n/etc/twin",
                                .rollback = true,
                                .reboot = Description::Reboots::maybe,
                                .streams = true};

  Result<bool> provide_payload_file_sizes(Context&) override {
    note("ProvidePayloadFileSizes");
    return true;
  }
  Result<Reboot> needs_reboot(Context& context) override {
    note("NeedsArtifactReboot");
    PATCHBAY_TRY(const auto installed, context.state("installed"));
    return installed == "yes" ? Reboot::custom : Reboot::no;
  }
  Result<bool> supports_rollback(Context&) override {
    note("SupportsRollback");
    return true;
  }
  Result<Lines> plan(Context&) override { return Lines{"one", "two"}; }

  Status download(Context& context, PayloadStream& stream) override {
    note("Download");
    PATCHBAY_TRY(auto file, stream.next_file());
    while (file) {
      if (file->name == "known" && stream.can_skip()) {
        PATCHBAY_CHECK(stream.skip());
        break;
      }
      const auto path = context.tmp_path(file->name);
      const Fd out{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
      PATCHBAY_TRY(const auto count, stream.copy_to(out.get(), path));
      note(file->name + " " + std::to_string(file->size.value_or(0)) + " " + std::to_string(count));
      PATCHBAY_TRY(file, stream.next_file());
    }
    return act("Download");
  }
  Status install(Context& context) override {
    note("ArtifactInstall of " + context.header_value("artifact_name").value());
    context.progress(10);
    context.status("half way");
    context.log("installing");
    PATCHBAY_CHECK(context.set_state("installed", "yes"));
    return act("ArtifactInstall");
  }
  Status reboot(Context&) override { return noted("ArtifactReboot"); }
  Status verify_reboot(Context&) override { return noted("ArtifactVerifyReboot"); }
  Status commit(Context&) override { return noted("ArtifactCommit"); }
  Status rollback(Context& context) override {
    note("ArtifactRollback, installed: " + context.state("installed").value().value_or("no"));
    return context.remove_state("installed");
  }
  Status rollback_reboot(Context&) override { return noted("ArtifactRollbackReboot"); }
  Status verify_rollback_reboot(Context&) override { return noted("ArtifactVerifyRollbackReboot"); }
  Status failure(Context&) override { return noted("ArtifactFailure"); }
  Status cleanup(Context&) override { return noted("Cleanup"); }

 private:
  static void note(const std::string& line) {
    const char* const out = std::getenv("OUT");
    if (out != nullptr) std::ofstream{std::string{out} + "/calls", std::ios::app} << line << "\n";
  }
  static Status noted(const std::string& call) {
    note(call);
    return act(call);
  }
  static Status act(const std::string& call) {
    const char* const told = std::getenv(("TWIN_" + call).c_str());
    const std::string action = told == nullptr ? "" : told;
    if (action == "fail") return Error{"as told"};
    if (action == "throw") throw std::runtime_error{"thrown as told"};
    return Done{};
  }
};

}  // namespace

PATCHBAY_MODULE(Twin)
