#pragma once

#include <memory>
#include <vector>

#include "core/flow/journal.hpp"
#include "core/flow/observer.hpp"
#include "core/flow/settings.hpp"
#include "core/host/module.hpp"
#include "core/host/work_tree.hpp"

namespace patchbay::flow {

/// The modules and work trees of the payloads of one update; modules are bound when first needed,
/// so that an update resumed years later only fails where a module is really missing.
class ModuleSet {
 public:
  ModuleSet(const Settings& settings, const std::vector<PayloadRecord>& payloads, Log& log,
            Observer& observer);
  ~ModuleSet();

  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  Result<host::Module*> module(std::size_t payload);
  [[nodiscard]] const host::WorkTree& tree(std::size_t payload) const;

 private:
  class Reporter;
  struct Slot {
    std::string type;
    host::WorkTree tree;
    std::unique_ptr<Reporter> reporter;
    std::unique_ptr<host::Module> module;
  };
  const Settings& settings_;
  Log& log_;
  std::vector<Slot> slots_;
};

}  // namespace patchbay::flow
