#include <CLI/CLI.hpp>

#include <unistd.h>

#include "core/os/file.hpp"
#include "sdk/artifact/artifact_file.hpp"
#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/editing.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/transfer.hpp"

namespace patchbay::artifact_tool {
namespace {

struct CopyOptions {
  std::string from, to;
  std::string temporary;
  std::string compression;  ///< of mender-artifact, which ignores it
  ChangeOptions change;
};

std::string example(Face face) {
  const std::string name = "  " + program_name(face) + " cp ";
  return name + "app.conf update.mender:/etc/app.conf\n" + name + "update.mender:/etc/app.conf .";
}

/// Standard input, or the file itself, as a file with attributes.
Result<artifact::NewFile> source_file(const std::string& from, const std::string& scratch) {
  if (from != "-") return new_file(from);
  PB_TRY(os::FdSource input, open_artifact("-"));
  PB_TRY(const auto sink, make_file(scratch, 0600));
  ByteVector buffer(64 * kKiB);
  while (true) {
    PB_TRY(const std::size_t count, input.read(buffer));
    if (count == 0) break;
    PB_CHECK(sink->write(ByteSpan{buffer}.first(count)));
  }
  PB_TRY(artifact::NewFile file, new_file(scratch));
  file.mode = 0644;
  return file;
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

/// A file that is there keeps its mode and owner; a new one belongs to root.
Status copy_into_image(Image& image, const artifact::NewFile& file, const std::string& path) {
  PB_TRY(const auto before, image.stat(path));
  Image::Entry attributes;
  attributes.mode = file.mode;
  return image.copy_in(file.path, path, before.value_or(attributes));
}

Status copy_in(const Call& call, const CopyOptions& options, Place place) {
  const bool keeps_name = place.path.ends_with('/') || (place.path.empty() && place.file.empty());
  if (keeps_name && options.from == "-")
    return Error{ErrorCode::invalid_input, "\"" + options.to + "\": standard input has no name"};
  if (keeps_name) (place.path.empty() ? place.file : place.path) += name_of(options.from);
  PB_TRY(Editing editing, Editing::begin(place, options.temporary));
  PB_TRY(artifact::NewFile file, source_file(options.from, editing.scratch()));
  if (!place.path.empty()) {
    PB_CHECK(editing.change_images(
        [&](Image& image) { return copy_into_image(image, file, editing.path()); }));
    return editing.put_back(call, options.change);
  }
  if (editing.has_file()) file.mode = editing.mode();
  return editing.put(call, options.change, file);
}

Status copy(const Call& call, const CopyOptions& options) {
  PB_TRY(const auto from, parse_place(options.from, call.face));
  PB_TRY(const auto to, parse_place(options.to, call.face));
  if (from && !to) return copy_out(*from, options.to, options.temporary);
  if (to && !from) return copy_in(call, options, *to);
  return Error{ErrorCode::invalid_input, "\"" + options.from + "\" to \"" + options.to +
                                             "\": exactly one of the two has to "
                                             "be inside an artifact"};
}

}  // namespace

int cp(const Call& call) {
  CopyOptions options;
  CLI::App app{"Copies a file into an artifact, or out of it."};
  app.add_option(
         "from", options.from,
         "A file (- is standard input), or a file in an artifact:\n" + std::string{kPlaceHelp})
      ->required()
      ->type_name("FROM");
  app.add_option("to", options.to, "A file or directory (- is standard output), or as above")
      ->required()
      ->type_name("TO");
  add_change_options(app, options.change, call.face);
  add_temporary_option(app, options.temporary);
  if (call.face == Face::mender)
    app.add_option("--compression", options.compression, "Accepted; the compression stays");
  if (const auto code = parse(app, call, example(call.face))) return *code;

  if (!options.compression.empty())
    warn(call, "--compression " + options.compression + " is ignored: the compression stays");
  const auto copied = copy(call, options);
  return copied ? exit_code(call.face, Outcome::done) : fail(call, copied.error());
}

}  // namespace patchbay::artifact_tool
