#include <sys/stat.h>

#include "modules/single-file/request.hpp"
#include "patchbay/module.hpp"

namespace patchbay::single_file {
namespace {

using module::Changes;
using module::Context;
using module::Description;
using module::Lines;
using module::Result;
using module::Status;

class SingleFile final : public module::Module {
 public:
  Result<bool> supports_rollback(Context&) override { return true; }

  Status install(Context& context) override {
    PATCHBAY_TRY(const auto request, read_request(context));
    PATCHBAY_TRY(auto changes, Changes::begin(context));
    PATCHBAY_CHECK(changes.or_undo(replace(context, changes, request)));
    context.log("installed " + request.target);
    return module::Done{};
  }

  Status rollback(Context& context) override { return Changes::roll_back(context); }
  Status failure(Context& context) override { return Changes::clean_up(context); }
  Status cleanup(Context& context) override { return Changes::clean_up(context); }

  Result<std::optional<Description>> describe(Context&) override {
    return {Description{.type = "single-file",
                        .description = "Installs one file at a path given by the artifact.",
                        .rollback = true,
                        .reboot = Description::Reboots::never,
                        .streams = false,
                        .writes = {"*"}}};
  }

  Result<Lines> plan(Context& context) override {
    PATCHBAY_TRY(const auto files, context.payload_files());
    if (files.empty())
      return Lines{"install one file (its path is in the payload), rollback possible"};
    PATCHBAY_TRY(const auto request, read_request(context));
    return Lines{describe_change(request)};
  }

 private:
  static Status replace(Context& context, Changes& changes, const Request& request) {
    // Everything a full disk or a strange target can spoil is found out before the first change.
    PATCHBAY_CHECK(module::require_free_space(request.target, request.content.size, 2));
    PATCHBAY_CHECK(changes.make_directories(request.directory));
    const auto size = request.content.size;
    Changes::FileWish wish{.mode = request.mode};
    wish.progress = [&context, size](std::uint64_t done) {
      if (size != 0) context.progress(static_cast<unsigned>(done * 100 / size));
    };
    PATCHBAY_CHECK(changes.replace_file(request.target, request.content.path, wish));
    return changes.complete();
  }

  static std::string describe_change(const Request& request) {
    const auto fresh = module::human_size(request.content.size);
    struct stat info {};
    if (::stat(request.target.c_str(), &info) != 0)
      return "create " + request.target + " (" + fresh + "), rollback possible";
    const auto old = module::human_size(static_cast<std::uint64_t>(info.st_size));
    return "replace " + request.target + " (" + old + " -> " + fresh + "), rollback possible";
  }
};

}  // namespace
}  // namespace patchbay::single_file

PATCHBAY_EXECUTABLE(patchbay::single_file::SingleFile)
