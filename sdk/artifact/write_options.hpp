#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/artifact/call.hpp"
#include "sdk/artifact/keys.hpp"
#include "sdk/artifact/request.hpp"

namespace CLI {
class App;
}

namespace patchbay::artifact_tool {

/// A command line of `write`, read into the requests it makes.
struct WriteCommand {
  ArtifactRequest artifact;
  PayloadRequest payload;
  KeyOptions keys;
  std::string output = "artifact.mender";  ///< "-": standard output
  std::string most_bytes, warn_bytes;      ///< "100M"
  bool no_progress = false;
  bool compat = false;
  std::vector<std::string> generators;  ///< directories
};

/// Options of a generator, as --NAME, with its short name and as what stands alone. Values go into
/// `payload.values`, which must outlive the parsing.
void add_generator_options(CLI::App& app, const Generator& generator, PayloadRequest& payload);

/// Options of one payload: provides, depends, clears, software version, meta-data. Short names that
/// the generator of `command.payload` uses itself are left to it.
void add_payload_options(CLI::App& app, WriteCommand& command);

/// Options of an augmented artifact.
void add_augment_options(CLI::App& app, AugmentRequest& augment);

/// Options of the artifact and of the output.
void add_artifact_options(CLI::App& app, WriteCommand& command, Face face);

/// Makes the artifact that was asked for. Returns the exit code.
int write_as_asked(const Call& call, WriteCommand& command);

/// A warning for each description that cannot be used, as the lists of types are without it.
void warn_of_broken(const Call& call, const Generators& generators);

/// Notes which of --provides and --software-* stands later, which decides between them.
void note_positions(const Call& call, PayloadRequest& payload);

}  // namespace patchbay::artifact_tool
