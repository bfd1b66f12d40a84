#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/artifact/writer.hpp"
#include "core/base/result.hpp"

namespace patchbay::artifact_tool {

/// What an option of a generator takes.
enum class OptionKind : std::uint8_t {
  text,        ///< one line
  word,        ///< letters, digits, "_" and "-"
  choice,      ///< one of those that `value` lists, "no|automatic"
  file,        ///< a regular file on this machine
  directory,   ///< a directory on this machine
  path,        ///< an absolute path on the device, without ".."
  below_root,  ///< the same, but not "/"
  image,       ///< a container image by digest: NAME@sha256:...
  output,      ///< a file that is made on this machine, in a directory that is there
  flag,        ///< nothing: it is there or not
};

struct GeneratorOption {
  std::string name;        ///< "dest-dir", given as --dest-dir, and the key of a manifest
  std::string short_name;  ///< "d"; empty: none
  std::string value;       ///< "DIR", for the help
  std::string help;
  OptionKind kind = OptionKind::text;
  bool required = false;
  bool repeat = false;
  std::string with;         ///< option without which this one means nothing; empty: none
  bool positional = false;  ///< also what stands on the command line without an option
};

/// A file, or several, of the payload.
struct GeneratorFile {
  enum class Source : std::uint8_t { text, file, tree, list, program };
  Source source = Source::text;
  std::string from;    ///< template of the text; the option that names file or directory; a program
  std::string name;    ///< template of the name in the artifact; empty: that of the file
  std::string prefix;  ///< of the names in the archive of a tree
  bool gzip = false;   ///< whether that archive is compressed
  bool rename = false;  ///< characters that no payload file may have in its name become "_"
  std::string when;     ///< option without which there is no such file; empty: there always is
  std::string unless;   ///< option with which there is none; empty: there always is
};

/// How payloads of a type are made from a few options: the description that a module brings along.
/// docs/generators.md has the format of the file.
struct Generator {
  std::string directory;  ///< where its programs lie; empty: there are none
  std::string type;       ///< payload type
  std::string summary;    ///< for the list of types
  std::string example;    ///< arguments of `write`
  std::vector<GeneratorOption> options;
  std::vector<std::vector<std::string>> one_of;  ///< of each list exactly one option is given
  std::vector<std::vector<std::string>> any_of;  ///< of each list at least one
  std::vector<GeneratorFile> files;
  std::string meta_data;  ///< JSON text with templates in its strings; empty: none of its own
  bool needs_meta_data = false;             ///< a person has to bring it
  std::vector<std::string> meta_data_keys;  ///< what a person may say there; empty: anything
  std::string checksum;       ///< key of a provide with the SHA-256 of the only file; empty: none
  std::uint64_t pieces = 0;   ///< of so many bytes: their sums go into the meta-data; 0: none do
  bool whole_system = false;  ///< the version stands for the file system, not for the payload type
  std::string software_name;  ///< template; empty: none
  std::string compression;    ///< unless asked for another; empty: that of all artifacts
  std::vector<std::string> clears;  ///< instead of the default clears
};

/// Values of the options by name; of a flag, "true".
using Values = std::map<std::string, std::vector<std::string>>;

/// Whether a value of that kind is a path on this machine.
bool is_local(OptionKind kind);

/// Reads a description. `name` is what errors call it.
Result<Generator> parse_generator(const std::string& text, const std::string& name);

/// The descriptions of types that were found.
struct Generators {
  std::map<std::string, Generator> known;  ///< by type
  std::map<std::string, Error> broken;     ///< by the type that the file is named after

  /// That of a type; none: there is none. An error that names the type if it cannot be used.
  [[nodiscard]] Result<std::optional<Generator>> find(const std::string& type) const;
};

/// Every description found as DIR/TYPE.yaml or DIR/TYPE/generator.yaml in the directories given,
/// then those of PATCHBAY_GENERATORS, then where those of this program are installed; the first
/// directory that has a type wins, also with one that cannot be used. A directory that is missing
/// is skipped, but an error when it is given.
Result<Generators> find_generators(const std::vector<std::string>& given);

/// The generator for any type: files as they are, meta-data from a file.
Generator plain_generator(const std::string& type);

/// Fills in type, files and meta-data. Errors name the option and its value.
Result<artifact::PayloadSpec> generate(const Generator& generator, const Values& values);

/// `text` with every {option}, {option.name} (last part of a path), {option.dir} (what stands
/// before it) and {option.mode} (permission bits of the file) replaced; {a|b} is the first that is
/// given.
Result<std::string> expand(const std::string& text, const Values& values);

}  // namespace patchbay::artifact_tool
