#include "core/flow/module_set.hpp"

#include "core/base/bytes.hpp"

namespace patchbay::flow {

/// Adds the payload's index to what its module reports.
class ModuleSet::Reporter final : public host::ProgressSink {
 public:
  Reporter(Observer& observer, std::size_t payload) : observer_{observer}, payload_{payload} {}
  void module_progress(unsigned percent) override { observer_.module_progress(payload_, percent); }
  void module_status(std::string_view text) override { observer_.module_status(payload_, text); }

 private:
  Observer& observer_;
  std::size_t payload_;
};

ModuleSet::ModuleSet(const Settings& settings, const std::vector<PayloadRecord>& payloads, Log& log,
                     Observer& observer)
    : settings_{settings}, log_{log} {
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    slots_.push_back(Slot{payloads[i].type, host::WorkTree{settings.datastore, i},
                          std::make_unique<Reporter>(observer, i), nullptr});
  }
}

ModuleSet::~ModuleSet() = default;

const host::WorkTree& ModuleSet::tree(std::size_t payload) const {
  return slots_.at(payload).tree;
}

std::string ModuleSet::label(std::size_t payload) const {
  return "payload " + std::to_string(payload) + " (" + printable(slots_.at(payload).type) + ")";
}

Status ModuleSet::labelled(std::size_t payload, Status status) const {
  if (slots_.size() == 1) return status;
  return std::move(status).context(label(payload));
}

Status ModuleSet::download(std::size_t payload, host::PayloadSource& source) {
  const auto found = module(payload);
  return labelled(payload, found ? (*found)->download(source) : Status{found.error()});
}

Status ModuleSet::call(std::size_t payload, host::Call call) {
  const auto found = module(payload);
  return labelled(payload, found ? (*found)->call(call) : Status{found.error()});
}

Result<host::Reboot> ModuleSet::needs_reboot(std::size_t payload) {
  PB_TRY(host::Module* const found, module(payload).context(label(payload)));
  return host::needs_reboot(*found).context(label(payload));
}

Result<bool> ModuleSet::supports_rollback(std::size_t payload) {
  PB_TRY(host::Module* const found, module(payload).context(label(payload)));
  return host::supports_rollback(*found).context(label(payload));
}

Result<host::Module*> ModuleSet::module(std::size_t payload) {
  Slot& slot = slots_.at(payload);
  if (!slot.module) {
    PB_TRY(const host::ModuleFile file, host::find_module(slot.type, settings_.module_directories));
    PB_TRY(slot.module,
           host::bind_module(file, slot.tree.path(), settings_.module, log_, slot.reporter.get()));
  }
  return slot.module.get();
}

}  // namespace patchbay::flow
