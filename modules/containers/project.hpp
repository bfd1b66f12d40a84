#pragma once

#include <string>
#include <vector>

#include "modules/containers/engine.hpp"
#include "modules/containers/images.hpp"
#include "modules/containers/record.hpp"
#include "modules/containers/request.hpp"
#include "patchbay/context.hpp"
#include "patchbay/result.hpp"

namespace patchbay::containers {

/// A container to be made: what the artifact wants, and the image found for it.
struct Planned {
  const Wanted* wanted;
  std::string image_id;
};

/// The containers of one project: those with its label. No other container is ever touched.
class Project {
 public:
  Project(const Engine& engine, std::string name, Record& record, module::Context& context)
      : engine_{&engine}, name_{std::move(name)}, record_{&record}, context_{&context} {}

  /// Puts `planned` in the place of what there is. The old containers are kept, stopped and under
  /// another name. Nothing is stopped before all that can be made ready is ready.
  module::Status replace(const std::vector<Planned>& planned, const HealthWindow& window);

  /// Everything as it was before replace(), from any point in it, or after it.
  module::Status restore();

  /// Those of this update run.
  [[nodiscard]] module::Status check() const;

  /// Throws away what was kept, and images that nobody uses then.
  module::Status drop_old();
  /// Whether there is something for drop_old(). Needs no engine.
  static bool has_to_drop(const Record& record);

 private:
  module::Result<std::vector<Container>> present();
  module::Status settle_leftovers();
  module::Status note_images_of_old();
  [[nodiscard]] std::vector<std::string> images_of_leftovers() const;
  [[nodiscard]] module::Status refuse_foreign_names(const std::vector<Planned>& planned) const;
  [[nodiscard]] module::Result<std::string> body_of(const Planned& planned, bool ours) const;
  [[nodiscard]] bool unchanged(const std::vector<Planned>& planned,
                               const std::vector<Container>& olds) const;
  module::Result<std::vector<std::string>> create(const std::vector<Planned>& planned);
  [[nodiscard]] module::Result<std::vector<Container>> of_this_update() const;
  [[nodiscard]] module::Result<std::vector<Container>> of_this_update_in_the_end() const;
  [[nodiscard]] module::Result<bool> brought_once(const std::string& image_id) const;

  const Engine* engine_;
  std::string name_;
  Record* record_;
  module::Context* context_;
};

/// Label with the name of the project.
constexpr const char* kProjectLabel = "io.patchbay.project";
/// Label with the token of the update that made the container.
constexpr const char* kUpdateLabel = "io.patchbay.update";
/// Label with "brought": the image came with an update, and goes when nobody uses it.
constexpr const char* kImageLabel = "io.patchbay.image";
/// Label with a number for everything the container was made of.
constexpr const char* kConfigLabel = "io.patchbay.config";

}  // namespace patchbay::containers
