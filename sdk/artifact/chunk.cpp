#include <CLI/CLI.hpp>

#include <nlohmann/json.hpp>

#include "core/os/file.hpp"
#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/chunks/pack.hpp"

namespace patchbay::artifact_tool {

int chunk(const Call& call) {
  std::string image, pack, index;
  CLI::App app{
      "Cuts the image of a root file system into chunks, for devices that fetch only those that\n"
      "they do not have: `write rootfs-chunks` runs it. Prints what the image is, as JSON."};
  app.add_option("image", image, "The image")->required()->type_name("IMAGE");
  app.add_option("--pack", pack, "The chunks, for a web server")->required()->type_name("FILE");
  app.add_option("--index", index, "What the chunks are, for the artifact")
      ->required()
      ->type_name("FILE");
  if (const auto code = parse(app, call,
                              "  " + program_name(call.face) +
                                  " chunk --pack release-2.pack --index release-2.index root.ext4"))
    return *code;

  const auto packed = chunks::write_pack(image, pack);
  if (!packed) return fail(call, Error{ErrorCode::io, packed.error().message()});
  const auto written = os::replace_file(index, as_bytes(chunks::to_bytes(packed->index)), 0644);
  if (!written) return fail(call, written.error());
  const nlohmann::ordered_json image_facts{{"size", packed->index.image_size},
                                           {"sha256", packed->image_sum}};
  std::printf("%s\n", image_facts.dump().c_str());
  return exit_code(call.face, Outcome::done);
}

}  // namespace patchbay::artifact_tool
