#pragma once

#include <memory>
#include <string>
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
  [[nodiscard]] const host::WorkTree& tree(std::size_t payload) const;
  /// "payload 1 (single-file)": errors below begin with it where it is not plain from the rest.
  [[nodiscard]] std::string label(std::size_t payload) const;

  Status download(std::size_t payload, host::PayloadSource& source);
  Status call(std::size_t payload, host::Call call);
  Result<host::Reboot> needs_reboot(std::size_t payload);
  Result<bool> supports_rollback(std::size_t payload);

 private:
  class Reporter;
  struct Slot {
    std::string type;
    host::WorkTree tree;
    std::unique_ptr<Reporter> reporter;
    std::unique_ptr<host::Module> module;
  };
  Result<host::Module*> module(std::size_t payload);
  /// What a module says about a call names its type already: which payload is only told apart where
  /// there are several.
  [[nodiscard]] Status labelled(std::size_t payload, Status status) const;

  const Settings& settings_;
  Log& log_;
  std::vector<Slot> slots_;
};

}  // namespace patchbay::flow
