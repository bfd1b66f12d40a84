#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "modules/containers/engine.hpp"
#include "modules/containers/image_archive.hpp"
#include "modules/containers/tar_writer.hpp"
#include "patchbay/context.hpp"
#include "patchbay/result.hpp"

namespace patchbay::containers {

/// An image of the type app that travels as its difference to an older one.
struct Delta {
  /// `whole`: of one `docker save` to the other. `deep`: an archive with some layers as
  /// differences.
  enum class Kind : std::uint8_t { whole, deep };

  std::string name{};  ///< in the payload, for messages
  Kind kind = Kind::whole;
  std::string old_name{};  ///< of the older image, as the maker of the delta called it
  std::string old_id{};    ///< "sha256:..."
  std::string new_id{};
};

/// Makes whole images of deltas, with the program xdelta3. Whatever comes out is held against the
/// sums that it has to have, layer by layer: a delta that fits another image makes garbage without
/// a word.
class DeltaDecoder {
 public:
  /// `command`: the program with its options; it gets the old file, the delta and the new file.
  DeltaDecoder(const Engine& engine, std::vector<std::string> command,
               const module::Context& context)
      : engine_{&engine}, command_{std::move(command)}, context_{&context} {}

  /// Whether the program is there, and the device has the image that the delta was made from.
  [[nodiscard]] module::Status check(const Delta& delta) const;

  /// The whole image of the delta in the file `path`. It lies in the work tree until the next call.
  [[nodiscard]] module::Result<ImageArchive> decode(const Delta& delta,
                                                    const std::string& path) const;
  static module::Status remove_files(const module::Context& context);

 private:
  struct Sources;

  [[nodiscard]] std::string file(const char* name) const;
  [[nodiscard]] module::Status save_old(const Delta& delta, std::uint64_t makes,
                                        std::uint64_t brings) const;
  [[nodiscard]] module::Status apply(const std::string& old_file, const std::string& delta_file,
                                     const std::string& new_file) const;
  [[nodiscard]] module::Status decode_whole(const Delta& delta, const std::string& path) const;
  [[nodiscard]] module::Status add_layer(TarWriter& writer, const Sources& from,
                                         const ArchivedLayer& layer) const;
  [[nodiscard]] module::Status decode_deep(const Delta& delta, const std::string& path) const;

  const Engine* engine_;
  std::vector<std::string> command_;
  const module::Context* context_;
};

}  // namespace patchbay::containers
