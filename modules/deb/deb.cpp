#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "modules/deb/apt.hpp"
#include "modules/deb/database.hpp"
#include "modules/deb/disk.hpp"
#include "modules/deb/listing.hpp"
#include "modules/deb/pool.hpp"
#include "modules/deb/request.hpp"
#include "modules/deb/services.hpp"
#include "modules/deb/tools.hpp"
#include "patchbay/module.hpp"

namespace patchbay::deb {
namespace {

using module::Context;
using module::Description;
using module::Done;
using module::Error;
using module::Journal;
using module::Lines;
using module::Reboot;
using module::Result;
using module::Status;

// What has happened so far.
constexpr const char* kChange = "change";  // package, from, to, had: is going to be changed
constexpr const char* kConfiguration = "configuration";  // last field of a change
constexpr const char* kAutomatic = "auto";  // package: apt may remove it when nobody needs it
constexpr const char* kHeld = "hold";       // package: somebody holds it back
constexpr const char* kKept = "kept";       // the pool is whole; from here on the system changes
constexpr const char* kInstalled = "installed";
constexpr const char* kRestored = "restored";

constexpr const char* kDatabase = "/var/lib/dpkg";
constexpr const char* kRebootRequired = "/run/reboot-required";
/// What runs on in its old version until the machine starts anew.
constexpr std::array kNeedReboot{"linux-image-",
                                 "linux-dtb-",
                                 "raspberrypi-kernel",
                                 "raspberrypi-bootloader",
                                 "raspi-firmware",
                                 "libc6",
                                 "systemd",
                                 "dbus",
                                 "udev"};

Result<Request> request_of(const Context& context) {
  PATCHBAY_TRY(const auto meta_data, context.meta_data());
  return parse_request(meta_data);
}

/// What the journal of this update says.
struct History {
  std::vector<Change> changes;
  std::vector<std::string> automatic;
  std::vector<std::string> held;
  bool kept = false;
  bool installed = false;
  bool restored = false;
};

History history_of(const Journal& journal) {
  History history;
  for (const auto& record : journal.records()) {
    const std::string& kind = record.front();
    if (kind == kChange && record.size() == 5) {
      history.changes.push_back({record[1], record[2], record[3], record[4] == kConfiguration});
    }
    if (kind == kAutomatic && record.size() == 2) history.automatic.push_back(record[1]);
    if (kind == kHeld && record.size() == 2) history.held.push_back(record[1]);
    history.kept = history.kept || kind == kKept;
    history.installed = history.installed || kind == kInstalled;
    history.restored = history.restored || kind == kRestored;
  }
  return history;
}

Result<Journal> open_journal(const Context& context) {
  return Journal::open(context.tmp_path("packages"));
}

Result<History> read_history(const Context& context) {
  PATCHBAY_TRY(const auto journal, open_journal(context));
  return history_of(journal);
}

/// Names among `packages` that `apt-mark <question>` prints.
Result<std::vector<std::string>> marked(const std::string& question,
                                        const std::vector<Change>& changes) {
  std::vector<std::string> arguments{question};
  for (const Change& change : changes)
    if (!change.from.empty()) arguments.push_back(change.package);
  if (arguments.size() == 1) return std::vector<std::string>{};
  PATCHBAY_TRY(const auto output, output_of("apt-mark", std::move(arguments)));
  return lines_of(output);
}

Status mark(const std::string& how, const std::vector<std::string>& packages) {
  if (packages.empty()) return Done{};
  std::vector<std::string> arguments{how};
  arguments.insert(arguments.end(), packages.begin(), packages.end());
  return run_tool("apt-mark", std::move(arguments));
}

Status refuse_removals(const std::vector<Change>& changes, const Request& request) {
  std::string removed;
  for (const Change& change : changes)
    if (change.to.empty()) removed += " " + change.package;
  if (removed.empty() || request.allow_removals) return Done{};
  return Error{"it would remove" + removed +
               "; \"allow-removals\": true in the meta-data allows that"};
}

Status refuse_held(const std::vector<Change>& changes, const Request& request) {
  if (request.allow_held) return Done{};
  PATCHBAY_TRY(const auto held, marked("showhold", changes));
  if (held.empty()) return Done{};
  std::string names;
  for (const std::string& name : held)
    names += " " + name;
  return Error{"it would change what is held back:" + names +
               "; release it with apt-mark unhold, or allow it with \"allow-held\": true in the "
               "meta-data"};
}

Status check_space(const Context& context, const std::vector<Package>& packages,
                   const std::vector<Change>& changes) {
  std::uint64_t unpacked = 0;
  std::vector<Listed> files;
  for (const Package& package : packages) {
    if (!installs(changes, package)) continue;
    unpacked += package.installed_kib * 1024;
    PATCHBAY_TRY(
        const auto listed,
        files_in(package.file).context(package.name + " " + package.version + " is broken"));
    files.insert(files.end(), listed.begin(), listed.end());
  }
  PATCHBAY_TRY(const auto pool, Pool::space_for(changes));
  PATCHBAY_CHECK(
      module::require_free_space(context.tmp_path(""), pool, 1).context("room for the way back"));
  PATCHBAY_CHECK(module::require_free_space("/usr", unpacked, 1).context("room for the packages"));
  return require_room_for(files).context("room for the packages");
}

/// Whether each package is, whole, in the version that `wanted` picks of its change. The error
/// names the first ones that are not.
Status verify(const std::vector<Change>& changes, std::string Change::*wanted) {
  constexpr int kMostNamed = 5;
  std::string wrong;
  int named = 0;
  for (const Change& change : changes) {
    PATCHBAY_TRY(const auto now, installed(change.package));
    if (now.version == change.*wanted && now.whole) continue;
    if (named++ == kMostNamed) {
      wrong += " ...";
      break;
    }
    const std::string have = now.version.empty() ? "not installed" : now.version;
    const std::string want = (change.*wanted).empty() ? "no version of it" : change.*wanted;
    wrong += (wrong.empty() ? "" : "; ") + change.package + " is " + have +
             (now.whole ? "" : ", not fully installed") + ", wanted " + want;
  }
  return wrong.empty() ? Status{Done{}} : Error{wrong};
}

bool needs_reboot_for(const std::string& full_name) {
  const std::string package = full_name.substr(0, full_name.find(':'));
  return std::any_of(kNeedReboot.begin(), kNeedReboot.end(), [&](const char* name) {
    const std::string prefix{name};
    return prefix.back() == '-' ? package.starts_with(prefix) : package == prefix;
  });
}

class Deb final : public module::Module {
 public:
  Deb() { prepare_environment(); }

  Result<bool> supports_rollback(Context&) override { return true; }

  // Refuse here what can never work: nothing has been sent yet.
  Status download(Context& context, module::PayloadStream&) override {
    PATCHBAY_CHECK(request_of(context));
    return require_tools();
  }

  Status install(Context& context) override {
    PATCHBAY_CHECK(require_tools());
    PATCHBAY_TRY(const auto request, request_of(context));
    PATCHBAY_TRY(const auto packages, read_packages(context, request));
    PATCHBAY_TRY(auto journal, open_journal(context));
    if (history_of(journal).kept) PATCHBAY_CHECK(restore(context));
    PATCHBAY_CHECK(journal.clear());

    const Apt apt{context.tmp_path("apt"), request, packages};
    PATCHBAY_TRY(const auto changes, make_way_back(context, journal, apt, request, packages));

    context.status("installing");
    for (const Change& change : changes)
      context.log(deb::describe(change));
    PATCHBAY_CHECK(hold_services(request));
    PATCHBAY_CHECK(install_with(apt, changes));
    PATCHBAY_CHECK(allow_services());
    PATCHBAY_CHECK(restart_units(request.restart_units));
    PATCHBAY_CHECK(verify(changes, &Change::to));
    ::sync();
    return journal.append({kInstalled});
  }

  Result<Reboot> needs_reboot(Context& context) override {
    PATCHBAY_TRY(const auto request, request_of(context));
    PATCHBAY_TRY(const auto history, read_history(context));
    if (!history.kept || request.reboot == Request::Reboot::never) return Reboot::no;
    const bool needed =
        request.reboot == Request::Reboot::always || module::exists(kRebootRequired) ||
        std::any_of(history.changes.begin(), history.changes.end(),
                    [](const Change& change) { return needs_reboot_for(change.package); });
    return needed ? Reboot::automatic : Reboot::no;
  }

  Status commit(Context& context) override {
    PATCHBAY_TRY(const auto history, read_history(context));
    if (!history.installed) return Error{"the packages are not fully installed"};
    return verify(history.changes, &Change::to);
  }

  Status rollback(Context& context) override {
    PATCHBAY_TRY(const auto history, read_history(context));
    // Before the pool was whole nothing has been changed.
    if (!history.kept || history.restored) return allow_services();
    PATCHBAY_CHECK(restore(context));
    PATCHBAY_TRY(auto journal, open_journal(context));
    return journal.append({kRestored});
  }

  Status cleanup(Context& context) override {
    PATCHBAY_CHECK(allow_services());
    for (const char* directory : {"apt", "pool"})
      PATCHBAY_CHECK(module::remove_tree(context.tmp_path(directory)));
    return Done{};
  }

  Result<std::optional<Description>> describe(Context&) override {
    return {
        Description{.type = "deb",
                    .description = "Installs Debian packages, and puts back those they replace.",
                    .rollback = true,
                    .reboot = Description::Reboots::maybe,
                    .streams = false,
                    .needs_rollback_space = true,
                    .writes = {"*"}}};
  }

  Result<Lines> plan(Context& context) override {
    PATCHBAY_TRY(const auto request, request_of(context));
    PATCHBAY_TRY(const auto files, context.payload_files());
    if (files.empty()) {
      return Lines{
          "install the Debian packages of the payload, and run their maintainer scripts; "
          "what these do beside files, no rollback undoes"};
    }
    PATCHBAY_CHECK(require_tools());
    PATCHBAY_TRY(const auto packages, read_packages(context, request));
    const Apt apt{context.tmp_path("apt"), request, packages};
    PATCHBAY_TRY(const auto changes, changes_of(apt, request));
    Lines lines;
    for (const Change& change : changes)
      lines.push_back(deb::describe(change));
    if (lines.empty()) return Lines{"nothing: all packages are installed in these versions"};
    lines.emplace_back(
        "run their maintainer scripts; what these do beside files, no rollback undoes");
    return lines;
  }

 private:
  /// All that comes before the first change. No other package manager changes anything meanwhile;
  /// one that never ends is found out here, where there is nothing to undo.
  static Result<std::vector<Change>> make_way_back(Context& context, Journal& journal,
                                                   const Apt& apt, const Request& request,
                                                   const std::vector<Package>& packages) {
    PATCHBAY_CHECK(require_writable(kDatabase));
    PATCHBAY_TRY(const auto lock, PackageLock::acquire());
    PATCHBAY_CHECK(finish_what_others_left(request, packages));
    PATCHBAY_TRY(auto changes, changes_of(apt, request));
    PATCHBAY_CHECK(check_space(context, packages, changes));
    PATCHBAY_CHECK(keep(context, journal, changes, packages));
    return changes;
  }

  static Status install_with(const Apt& apt, const std::vector<Change>& changes) {
    const auto installed = apt.install();
    if (installed) return Done{};
    const auto state = verify(changes, &Change::to);
    return Error{installed.error().message() + (state ? "" : "; " + state.error().message()) +
                 "; the log has the words of apt and dpkg"};
  }

  /// A dpkg that was cut, by us or by anybody, keeps apt from doing anything.
  static Status finish_what_others_left(const Request& request,
                                        const std::vector<Package>& packages) {
    PATCHBAY_TRY(const auto audit, output_of("dpkg", {"--audit"}));
    if (audit.empty()) return Done{};
    PATCHBAY_CHECK(run_tool("dpkg", {"--force-confold", "--configure", "--pending"})
                       .context("packages were left half-installed before this update, and "
                                "finishing that failed; repair them with dpkg --configure -a and "
                                "apt-get install -f"));
    PATCHBAY_TRY(const auto left, half_unpacked());
    for (const std::string& name : left) {
      const bool comes = std::any_of(packages.begin(), packages.end(), [&](const Package& package) {
        return package.name == name.substr(0, name.find(':'));
      });
      if (!comes && !request.repositories) {
        return Error{name +
                     " was left half-unpacked before this update, which has no package of it; "
                     "repair it with apt-get install --reinstall " +
                     name};
      }
    }
    return Done{};
  }

  static Result<std::vector<Change>> changes_of(const Apt& apt, const Request& request) {
    PATCHBAY_CHECK(apt.prepare());
    PATCHBAY_TRY(auto changes, apt.simulate());
    PATCHBAY_CHECK(name_architectures(changes));
    PATCHBAY_CHECK(refuse_removals(changes, request));
    PATCHBAY_CHECK(refuse_held(changes, request));
    for (Change& change : changes) {
      PATCHBAY_TRY(const auto now, installed(change.package));
      change.had_configuration = now.version.empty() && now.known;
    }
    return changes;
  }

  /// From the end of this on, the way back is there.
  static Status keep(Context& context, Journal& journal, const std::vector<Change>& changes,
                     const std::vector<Package>& payload) {
    context.status("keeping what will be replaced");
    std::vector<Journal::Record> records;
    records.reserve(changes.size());
    for (const Change& change : changes)
      records.push_back({kChange, change.package, change.from, change.to,
                         change.had_configuration ? kConfiguration : ""});
    PATCHBAY_TRY(const auto automatic, marked("showauto", changes));
    for (const std::string& package : automatic)
      records.push_back({kAutomatic, package});
    PATCHBAY_TRY(const auto held, marked("showhold", changes));
    for (const std::string& package : held)
      records.push_back({kHeld, package});
    PATCHBAY_CHECK(Pool{context.tmp_path("pool")}.fill(changes, payload));
    records.push_back({kKept});
    return journal.append_all(std::move(records));
  }

  static Status restore(Context& context) {
    PATCHBAY_TRY(const auto history, read_history(context));
    context.status("putting the old packages back");
    for (const Change& change : history.changes)
      context.log("undo: " + deb::describe(change));
    PATCHBAY_TRY(const auto request, request_of(context));
    PATCHBAY_CHECK(hold_services(request));
    PATCHBAY_CHECK(Pool{context.tmp_path("pool")}.restore(history.changes));
    PATCHBAY_CHECK(allow_services());
    // The old packages are back, whatever becomes of a service.
    if (const auto restarted = restart_units(request.restart_units); !restarted)
      context.log(restarted.error().message());
    PATCHBAY_CHECK(verify(history.changes, &Change::from));
    PATCHBAY_CHECK(mark("auto", history.automatic));
    PATCHBAY_CHECK(mark("hold", history.held));
    ::sync();
    return Done{};
  }
};

}  // namespace
}  // namespace patchbay::deb

PATCHBAY_EXECUTABLE(patchbay::deb::Deb)
