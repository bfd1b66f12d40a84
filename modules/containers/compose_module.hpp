#pragma once

#include "modules/containers/compose.hpp"
#include "modules/containers/composition.hpp"
#include "modules/containers/record.hpp"
#include "modules/containers/releases.hpp"
#include "modules/containers/settings.hpp"
#include "patchbay/module.hpp"

namespace patchbay::containers {

/// The payload types docker-compose and app: a composition with its images.
class ComposeModule : public module::Module {
 public:
  explicit ComposeModule(Composition::Layout layout) : layout_{layout} {}

  module::Result<bool> supports_rollback(module::Context&) override { return true; }
  module::Result<std::optional<module::Description>> describe(module::Context&) override;
  module::Result<module::Lines> plan(module::Context& context) override;
  module::Status download(module::Context& context, module::PayloadStream& stream) override;
  module::Status install(module::Context& context) override;
  module::Status commit(module::Context& context) override;
  module::Status rollback(module::Context& context) override;
  module::Status cleanup(module::Context& context) override;

 private:
  /// All that a call works with.
  struct Work;

  [[nodiscard]] module::Result<Composition> composition(const module::Context& context) const;
  module::Status put_in_place(const Work& work, Record& record, module::Context& context) const;
  static module::Status start_new(const Work& work, Record& record, const module::Context& context);
  static module::Status switch_to_new(const Work& work, Record& record, module::Context& context);
  module::Status undo(Record& record, module::Context& context) const;

  Composition::Layout layout_;
};

}  // namespace patchbay::containers
