#pragma once

#include "modules/containers/engine.hpp"
#include "modules/containers/record.hpp"
#include "modules/containers/request.hpp"
#include "modules/containers/settings.hpp"
#include "patchbay/module.hpp"

namespace patchbay::containers {

/// The payload types docker and podman: containers that the artifact lists.
class ContainerModule : public module::Module {
 public:
  explicit ContainerModule(Engine::Kind kind) : kind_{kind} {}

  module::Result<bool> supports_rollback(module::Context&) override { return true; }
  module::Result<std::optional<module::Description>> describe(module::Context&) override;
  module::Result<module::Lines> plan(module::Context& context) override;
  module::Status download(module::Context& context, module::PayloadStream& stream) override;
  module::Status install(module::Context& context) override;
  module::Status commit(module::Context& context) override;
  module::Status rollback(module::Context& context) override;
  module::Status cleanup(module::Context& context) override;

 private:
  module::Status put_in_place(const Engine& engine, const Request& request, Record& record,
                              module::Context& context) const;
  module::Status undo(const Settings& settings, Record& record, module::Context& context) const;

  Engine::Kind kind_;
};

}  // namespace patchbay::containers
