// Programs for the kit, written with the C++ face: the payload type, which is the file's name, says
// which mistake each has. They replace machine/config beside them.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "patchbay/module.hpp"

namespace {

using namespace patchbay::module;

std::string machine(const std::string& name) {
  const auto own = std::filesystem::read_symlink("/proc/self/exe");
  return (own.parent_path() / "machine" / name).string();
}

[[noreturn]] void hang() {
  for (;;)
    ::pause();
}

void leave_a_process() {
  if (::fork() != 0) return;
  for (int fd = 0; fd < 256; ++fd)
    ::close(fd);
  hang();
}

class Planted final : public Module {
 public:
  Result<bool> supports_rollback(Context& context) override {
    if (has(context, "question-writes")) std::ofstream{context.tmp_path("asked")} << "yes\n";
    return true;
  }
  Result<Reboot> needs_reboot(Context& context) override {
    return has(context, "reboot-forgets") ? Reboot::automatic : Reboot::no;
  }
  Result<std::optional<Description>> describe(Context& context) override {
    if (!has(context, "writes-elsewhere")) return {std::nullopt};
    Description description;
    description.writes = {machine("config")};
    return {description};
  }

  Status download(Context& context, PayloadStream& stream) override {
    if (!has(context, "stops-late")) return Done{};
    (void)::signal(SIGTERM, SIG_IGN);
    return keep_stream(context, stream);
  }
  Status install(Context& context) override {
    if (has(context, "leaves-process")) leave_a_process();
    if (has(context, "reboot-forgets")) std::ofstream{"/run/patchbay-planted"} << "reboot me\n";
    begun_ = true;
    PATCHBAY_TRY(auto changes, Changes::begin(context));
    PATCHBAY_CHECK(changes.or_undo(replace(context, changes, "config")));
    if (has(context, "writes-elsewhere"))
      PATCHBAY_CHECK(changes.or_undo(replace(context, changes, "other")));
    return changes.complete();
  }
  Status verify_reboot(Context&) override {
    std::error_code failed;
    if (std::filesystem::exists("/run/patchbay-planted", failed)) return Done{};
    return Error{"who has taken my note from /run?"};
  }
  Status commit(Context& context) override {
    return has(context, "commit-forgets-backup") ? Changes::clean_up(context) : Done{};
  }
  Status rollback(Context& context) override {
    if (has(context, "rollback-forgets")) return Done{};
    if (has(context, "keeps-state-in-memory") && !begun_) return Done{};
    return Changes::roll_back(context);
  }
  Status cleanup(Context& context) override {
    if (has(context, "forgets-to-clean-up")) return Done{};
    if (has(context, "cleanup-only-once")) PATCHBAY_CHECK(be_the_first(context));
    return Changes::clean_up(context);
  }

 private:
  static bool has(Context& context, const std::string& mistake) {
    const auto type = context.header_value("payload_type");
    return type && *type == "program-" + mistake;
  }
  static Status replace(Context& context, Changes& changes, const std::string& name) {
    const std::string own = context.tmp_path("payload");
    const bool streamed = ::access(own.c_str(), F_OK) == 0;
    return changes.replace_file(machine(name), streamed ? own : context.tree() + "/files/payload",
                                {});
  }
  static Status keep_stream(Context& context, PayloadStream& stream) {
    PATCHBAY_TRY(auto file, stream.next_file());
    while (file) {
      const auto path = context.tmp_path(file->name);
      const Fd out{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
      if (!stream.copy_to(out.get(), path)) hang();
      PATCHBAY_TRY(file, stream.next_file());
    }
    return Done{};
  }
  static Status be_the_first(Context& context) {
    const auto mark = context.tmp_path("cleaned-up");
    if (::access(mark.c_str(), F_OK) == 0) return Error{"Cleanup has been here already"};
    std::ofstream{mark} << "yes\n";
    return Done{};
  }

  bool begun_ = false;
};

}  // namespace

PATCHBAY_EXECUTABLE(Planted)
