#include <CLI/CLI.hpp>

#include <unistd.h>

#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/editing.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/transfer.hpp"

namespace patchbay::artifact_tool {

int cat(const Call& call) {
  std::string word, temporary;
  CLI::App app{"Prints a file that is inside an artifact, or in a file system inside it."};
  app.add_option("file", word, kPlaceHelp)->required()->type_name("ARTIFACT:FILE");
  add_temporary_option(app, temporary);
  const std::string name = "  " + program_name(call.face) + " cat ";
  if (const auto code = parse(
          app, call, name + "update.mender:/etc/os-release\n" + name + "update.mender:app.conf"))
    return *code;

  const auto place = need_place(word, call.face);
  if (!place) return fail(call, place.error());
  const auto copied = copy_out(*place, "-", temporary);
  return copied ? exit_code(call.face, Outcome::done) : fail(call, copied.error());
}

}  // namespace patchbay::artifact_tool
