#include <CLI/CLI.hpp>

#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/editing.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/transfer.hpp"

namespace patchbay::artifact_tool {
namespace {

struct RemoveOptions {
  std::string word;
  std::string temporary;
  bool recursive = false;
  ChangeOptions change;
};

Status remove(const Call& call, const RemoveOptions& options) {
  PB_TRY(const Place place, need_place(options.word, call.face));
  PB_TRY(Editing editing, Editing::begin(without_end_slash(place), options.temporary));
  if (place.path.empty()) return editing.remove(call, options.change);
  const auto depth = options.recursive ? Image::Depth::all : Image::Depth::one;
  PB_CHECK(
      editing.change_images([&](Image& image) { return image.remove(editing.path(), depth); }));
  return editing.put_back(call, options.change);
}

}  // namespace

int rm(const Call& call) {
  RemoveOptions options;
  CLI::App app{"Removes a file from an artifact, or from a file system inside it."};
  app.add_option("file", options.word, kPlaceHelp)->required()->type_name("ARTIFACT:FILE");
  app.add_flag("-r,--recursive", options.recursive, "Remove a directory with all it holds");
  add_change_options(app, options.change, call.face);
  add_temporary_option(app, options.temporary);
  if (const auto code =
          parse(app, call, "  " + program_name(call.face) + " rm -r update.mender:/var/cache/app"))
    return *code;
  const auto removed = remove(call, options);
  return removed ? exit_code(call.face, Outcome::done) : fail(call, removed.error());
}

}  // namespace patchbay::artifact_tool
