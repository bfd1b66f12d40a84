#include "core/flow/module_set.hpp"

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
