#include "modules/firmware/updater.hpp"

namespace patchbay::firmware {
namespace {

using module::Context;
using module::Description;
using module::Done;
using module::Error;
using module::Lines;
using module::Result;
using module::Status;

/// What a call before the install needs to know: what is wanted, and of which devices.
struct Wanted {
  Request request;
  firmware::Description description;
};

Result<Wanted> wanted_by(const Context& context) {
  Wanted wanted;
  PATCHBAY_TRY(wanted.request, read_request(context));
  PATCHBAY_TRY(wanted.description, find_description(wanted.request));
  return wanted;
}

Status require_version(const Wanted& wanted) {
  if (!wanted.request.version.empty()) return Done{};
  return Error{"meta-data has to say which 'version' the devices have afterwards"};
}

Status check_programs(const firmware::Description& description) {
  for (const auto& device : description.devices)
    PATCHBAY_CHECK(make_driver(description, device)->check_programs().context(description.path));
  return Done{};
}

/// Whether old firmware is there before anybody has looked at the devices.
bool may_restore(const firmware::Description& description) {
  if (description.step(Step::restore) || description.step(Step::read)) return true;
  if (!description.factory_image.empty() || description.read_back) return true;
  if (description.driver == firmware::Description::Driver::serial) return true;
  return module::exists(module::join_path(store_directory(), description.kind));
}

std::string in_words(const Device& device, const std::string& state, const std::string& now,
                     const Request& request) {
  const std::string where = device.name + " (" + state + ")";
  if (!now.empty() && now == request.version) return "leave " + where + " as it is";
  std::string written = "write " + request.version + " to " + where;
  if (!is_forbidden_downgrade(request, now)) return written;
  return written + ": not possible as it is, that is newer; 'allow-downgrade': true lets it pass";
}

class Firmware final : public module::Module {
 public:
  Result<bool> supports_rollback(Context& context) override {
    PATCHBAY_TRY(auto history, History::open(context));
    PATCHBAY_TRY(const auto wanted, wanted_by(context));
    if (!history.planned()) return history.looked() || may_restore(wanted.description);
    const Updater updater{context, wanted.description, history};
    for (const auto& change : history.changes()) {
      const bool is_as_before = !history.begun(change.device) || history.restored(change.device);
      if (!is_as_before && !updater.can_restore(change)) return false;
    }
    return true;
  }

  Status download(Context& context, module::PayloadStream&) override {
    PATCHBAY_TRY(const auto wanted, wanted_by(context));
    PATCHBAY_CHECK(require_version(wanted));
    return check_programs(wanted.description);
  }

  Status install(Context& context) override {
    PATCHBAY_TRY(const auto file, find_firmware(context));
    PATCHBAY_TRY(const auto wanted, wanted_by(context));
    PATCHBAY_CHECK(require_version(wanted));
    PATCHBAY_CHECK(check_programs(wanted.description));
    PATCHBAY_TRY(auto history, History::open(context));
    Updater updater{context, wanted.description, history};
    PATCHBAY_CHECK(undo_what_was_cut(updater, history));

    PATCHBAY_CHECK(history.note("looked"));
    PATCHBAY_TRY(auto changes, updater.look(wanted.request, file.size));
    if (changes.empty()) {
      context.log("all devices have " + wanted.request.version + " already");
      return Done{};
    }
    PATCHBAY_CHECK(
        updater.prepare(std::move(changes), {file.path, wanted.request.version, file.size}));
    auto status = updater.flash();
    if (status) return status;
    // Also for a client that does not ask for a rollback. What is left to do, a rollback goes on
    // with.
    if (auto undone = updater.restore(); !undone)
      context.log("undoing the failed install: " + undone.error().message());
    return status;
  }

  Status commit(Context& context) override {
    PATCHBAY_TRY(auto history, History::open(context));
    if (!history.planned()) return Done{};
    PATCHBAY_TRY(const auto wanted, wanted_by(context));
    return Updater{context, wanted.description, history}.check();
  }

  Status rollback(Context& context) override {
    PATCHBAY_TRY(auto history, History::open(context));
    if (!history.planned()) return Done{};
    PATCHBAY_TRY(const auto wanted, wanted_by(context));
    return Updater{context, wanted.description, history}.restore();
  }

  Status cleanup(Context& context) override {
    PATCHBAY_TRY(auto history, History::open(context));
    const auto request = read_request(context);
    // An update that was refused has left nothing.
    if (!request) return Done{};
    const auto description = find_description(*request);
    if (!description) return history.planned() ? description.error() : Status{Done{}};
    PATCHBAY_CHECK(tidy(context, *description, history));
    // Old firmware is gone now: nothing that is asked later may count on it.
    return history.clear();
  }

  Result<std::optional<Description>> describe(Context& context) override {
    // Of a machine that does not describe its devices, nobody can say more than "yes".
    const auto wanted = wanted_by(context);
    return {Description{.type = "firmware",
                        .description = "Updates peripherals: by commands, a serial boot loader, "
                                       "USB DFU or fwupd.",
                        .rollback = !wanted || may_restore(wanted->description),
                        .reboot = Description::Reboots::never,
                        .streams = false,
                        .writes = {store_directory(), "*"}}};
  }

  Result<Lines> plan(Context& context) override {
    PATCHBAY_TRY(const auto wanted, wanted_by(context));
    PATCHBAY_CHECK(require_version(wanted));
    Lines lines;
    for (const auto& device : wanted.description.devices) {
      const auto now = make_driver(wanted.description, device)->version();
      const auto state = now ? "now " + (now->empty() ? "without firmware" : *now)
                             : "does not answer: " + now.error().message();
      lines.push_back(in_words(device, state, now ? *now : std::string{}, wanted.request));
    }
    return lines;
  }

 private:
  static Status undo_what_was_cut(Updater& updater, History& history) {
    if (history.planned())
      PATCHBAY_CHECK(updater.restore().context("an earlier install was cut, and has to be undone"));
    return history.clear();
  }

  static Status tidy(Context& context, const firmware::Description& description, History& history) {
    PATCHBAY_TRY(auto store, ImageStore::open(description.kind));
    if (!history.planned()) return store.drop_new();
    if (history.installed() && !history.undoing()) return store.keep_only({history.version()});
    // Nobody asked for a rollback; devices are not left half written.
    Updater updater{context, description, history};
    PATCHBAY_CHECK(updater.restore().context("firmware is kept in " + store_directory() +
                                             "; some devices "
                                             "could not be given theirs back"));
    return store.drop_new();
  }
};

}  // namespace
}  // namespace patchbay::firmware

PATCHBAY_EXECUTABLE(patchbay::firmware::Firmware)
