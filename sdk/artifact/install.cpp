#include <CLI/CLI.hpp>

#include <algorithm>

#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/editing.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/transfer.hpp"

namespace patchbay::artifact_tool {
namespace {

struct InstallOptions {
  std::vector<std::string> words;
  std::string mode;
  std::string temporary;
  bool directory = false;
  ChangeOptions change;
};

std::string example(Face face) {
  const std::string name = "  " + program_name(face) + " install ";
  return name + "-m 0755 run.sh update.mender:/usr/bin/run.sh\n" + name +
         "-d update.mender:/var/lib/app";
}

/// The octal number of --mode.
Result<unsigned> parse_mode(const std::string& text) {
  const bool octal =
      !text.empty() && text.size() <= 5 && text.find_first_not_of("01234567") == std::string::npos;
  const unsigned long mode = octal ? std::stoul(text, nullptr, 8) : 0;
  if (octal && mode <= 07777) return static_cast<unsigned>(mode);
  return Error{ErrorCode::invalid_input,
               "--mode \"" + text + "\" is not an octal number up to 7777"};
}

Status make_directory(const Call& call, const InstallOptions& options) {
  PB_TRY(const Place place, need_place(options.words.front(), call.face));
  if (place.path.empty())
    return Error{ErrorCode::invalid_input, "--directory: a payload has files only, no directories"};
  PB_TRY(Editing editing, Editing::begin(without_end_slash(place), options.temporary));
  PB_CHECK(
      editing.change_images([&](Image& image) { return image.make_directories(editing.path()); }));
  return editing.put_back(call, options.change);
}

Status install_file(const Call& call, const InstallOptions& options) {
  PB_TRY(const unsigned mode, parse_mode(options.mode));
  PB_TRY(Place place, need_place(options.words[1], call.face));
  PB_TRY(artifact::NewFile file, new_file(options.words[0]));
  file.mode = mode;
  if (place.path.ends_with('/'))
    place.path += options.words[0].substr(options.words[0].rfind('/') + 1);
  PB_TRY(Editing editing, Editing::begin(place, options.temporary));
  if (place.path.empty()) return editing.put(call, options.change, file);
  Image::Entry attributes;
  attributes.mode = mode;
  PB_CHECK(editing.change_images(
      [&](Image& image) { return image.copy_in(file.path, editing.path(), attributes); }));
  return editing.put_back(call, options.change);
}

std::optional<Error> check_usage(const InstallOptions& options) {
  const std::size_t words = options.directory ? 1 : 2;
  if (options.words.size() != words) {
    return Error{ErrorCode::invalid_input,
                 options.directory ? "--directory takes one argument: ARTIFACT:/DIRECTORY"
                                   : "two arguments are needed: FILE ARTIFACT:/PATH"};
  }
  if (!options.directory && options.mode.empty())
    return Error{ErrorCode::invalid_input, "--mode is missing: the permission bits, as 0644"};
  return std::nullopt;
}

}  // namespace

int install(const Call& call) {
  InstallOptions options;
  CLI::App app{"Puts a file with a given mode, or a directory, into an artifact."};
  app.add_option("arguments", options.words,
                 "FILE and where it goes, or with -d only where:\n" + std::string{kPlaceHelp})
      ->required()
      ->type_name("FILE ARTIFACT:/PATH");
  app.add_option("-m,--mode", options.mode, "Permission bits in octal; needed for files")
      ->type_name("MODE");
  app.add_flag("-d,--directory", options.directory, "Make a directory, and those above it");
  add_change_options(app, options.change, call.face);
  add_temporary_option(app, options.temporary);
  if (const auto code = parse(app, call, example(call.face))) return *code;

  if (const auto mistake = check_usage(options)) return fail(call, Outcome::usage, *mistake);
  const auto done = options.directory ? make_directory(call, options) : install_file(call, options);
  return done ? exit_code(call.face, Outcome::done) : fail(call, done.error());
}

}  // namespace patchbay::artifact_tool
