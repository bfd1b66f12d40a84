#pragma once

#include <optional>
#include <string>
#include <vector>

#include "patchbay/context.hpp"
#include "patchbay/journal.hpp"
#include "patchbay/result.hpp"

namespace patchbay::containers {

/// What an update has set aside, or is about to.
struct OldContainer {
  std::string id;
  std::string name;
  bool running = false;
  std::string restart_policy{};  ///< JSON
  std::string image_id{};
};

/// The name an image had before the update gave it to another one.
struct MovedName {
  std::string name;
  std::string image_id;  ///< whose it was; empty: nobody's
};

/// What this update has done so far, durable, in the work tree. Everything is written before it is
/// done.
class Record {
 public:
  static module::Result<Record> open(const module::Context& context);

  /// Whether an install has begun at all; before that nothing has been touched.
  [[nodiscard]] bool begun() const { return !token_.empty(); }
  [[nodiscard]] bool installed() const { return installed_; }
  /// Whether undoing it has begun: from there on, nothing but that is right.
  [[nodiscard]] bool undoing() const { return undoing_; }
  [[nodiscard]] bool restored() const { return restored_; }
  /// What the containers of this update are labelled with.
  [[nodiscard]] const std::string& token() const { return token_; }
  /// By their ids; those that are pulled by reference before that.
  [[nodiscard]] const std::vector<std::string>& new_images() const { return new_images_; }
  [[nodiscard]] const std::vector<MovedName>& moved_names() const { return moved_names_; }
  [[nodiscard]] const std::vector<OldContainer>& old_containers() const { return old_; }
  /// The values of a record of the kind `kind` (of a back end), or nothing.
  [[nodiscard]] std::optional<std::vector<std::string>> note(const std::string& kind) const;

  [[nodiscard]] std::size_t count(const std::string& kind) const;

  /// Whether stopping this container, or another change to it, had begun.
  [[nodiscard]] bool stopping(const std::string& id) const;

  module::Status begin();
  module::Status bring_image(const std::string& image_id);
  module::Status move_name(const MovedName& moved);
  module::Status set_aside(const std::vector<OldContainer>& containers);
  module::Status mark_stopping(const std::string& id);
  module::Status add_note(const std::string& kind, const std::vector<std::string>& values);
  module::Status mark_installed();
  module::Status mark_undoing();
  module::Status mark_restored();
  module::Status forget();

 private:
  explicit Record(module::Journal journal);
  void read(const module::Journal::Record& entry);
  module::Status append(const module::Journal::Record& entry);

  module::Journal journal_;
  std::string token_;
  bool installed_ = false;
  bool undoing_ = false;
  bool restored_ = false;
  std::vector<std::string> new_images_;
  std::vector<MovedName> moved_names_;
  std::vector<OldContainer> old_;
};

}  // namespace patchbay::containers
