#include <CLI/CLI.hpp>

#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/editing.hpp"
#include "sdk/artifact/modifications.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/request.hpp"
#include "sdk/artifact/transfer.hpp"

namespace patchbay::artifact_tool {
namespace {

struct ModifyOptions {
  std::string container;
  std::string compression;
  std::string temporary;
  HeaderModifications header;
  ImageModifications image;
  ChangeOptions change;
};

// Short letters are those of mender-artifact.
void add_list(CLI::App& app, const char* names, std::vector<std::string>& list, const char* help,
              const char* type) {
  app.add_option(names, list, help)->type_name(type)->allow_extra_args(false);
}

void add_header_options(CLI::App& app, HeaderModifications& header, Face face) {
  app.add_option("-n,--artifact-name,--name", header.name, "Name of the artifact")
      ->type_name("NAME");
  app.add_option("-g,--provides-group", header.group, "Group the artifact provides")
      ->type_name("GROUP");
  add_list(app, "-N,--artifact-name-depends", header.depends_names,
           "Names it depends on, instead of those it has", "NAME");
  add_list(app, "-G,--depends-groups", header.depends_groups, "The same for groups", "GROUP");
  add_list(app, "-s,--script", header.scripts, "State scripts to add, or a directory of them",
           "FILE");
  const bool mender = face == Face::mender;
  add_list(app, "-p,--provides", header.provides,
           mender ? "Provides, instead of all there are" : "Provides to add or change",
           "KEY:VALUE");
  add_list(app, "-d,--depends", header.depends,
           mender ? "Depends, instead of all there are" : "Depends to add or change", "KEY:VALUE");
  add_list(app, "--clears-provides", header.clears, "Patterns to add to the clears", "PATTERN");
  add_list(app, "--delete-clears-provides", header.deleted_clears, "Patterns to take from them",
           "PATTERN");
  app.add_option("-m,--meta-data", header.meta_data, "JSON file for the meta-data")
      ->type_name("FILE");
  if (mender) return;
  add_list(app, "--compatible-types", header.compatible_types,
           "Device types, instead of those it has", "TYPE");
  add_list(app, "--delete-script", header.deleted_scripts, "State scripts to take out", "NAME");
  add_list(app, "--delete-provides", header.deleted_provides, "Provides to take out", "KEY");
  add_list(app, "--delete-depends", header.deleted_depends, "Depends to take out", "KEY");
  app.add_option("--payload", header.payload, "Index of the payload these are about")
      ->type_name("INDEX")
      ->check([](const std::string& text) {
        const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
        return digits ? std::string{} : "\"" + text + "\" is no index";
      });
}

void add_image_options(CLI::App& app, ImageModifications& image) {
  app.add_option("-u,--server-uri", image.server_uri, "ServerURL in the image's mender.conf")
      ->type_name("URL");
  app.add_option("-t,--tenant-token", image.tenant_token, "TenantToken in it")->type_name("TOKEN");
  app.add_option("-c,--server-cert", image.server_cert, "Certificate for the image")
      ->type_name("FILE");
  app.add_option("-v,--verification-key", image.verification_key,
                 "Key with which the image's client checks artifacts")
      ->type_name("FILE");
}

/// Returns whether any of them was changed.
Result<bool> change_images(const ModifyOptions& options, Editing& editing) {
  bool any = false;
  PB_CHECK(editing.change_images([&](Image& image) -> Status {
    PB_TRY(const bool changed, apply(options.image, options.header.name, image, editing.scratch()));
    any = any || changed;
    return Done{};
  }));
  return any;
}

Status modify_image_file(const Call& call, const ModifyOptions& options) {
  HeaderModifications rest = options.header;
  rest.name.reset();
  if (rest.any() || !options.compression.empty()) {
    return Error{ErrorCode::invalid_input,
                 options.container +
                     " is an image, not an artifact: only the name and what is in it can be "
                     "modified"};
  }
  Place place;
  place.container = options.container;
  place.path = "/";
  PB_TRY(Editing editing, Editing::begin(place, options.temporary));
  PB_TRY(const bool changed, change_images(options, editing));
  return changed ? editing.put_back(call, options.change) : Status{Done{}};
}

/// Whether the payload may be a root file system that knows its artifact's name. What files of
/// other types hold is their module's own.
bool may_know_the_name(const artifact::Contents& contents) {
  const auto& payloads = contents.header.payloads;
  return payloads.size() == 1 && payloads[0].type == "rootfs-image";
}

Status modify_inside(const Call& call, const ModifyOptions& options, artifact::Change change) {
  Place place;
  place.container = options.container;
  place.path = "/";
  PB_TRY(Editing editing, Editing::begin(place, options.temporary));
  PB_TRY(const FileSystem kind, file_system_of(editing.file()));
  bool changed = false;
  if (kind != FileSystem::none || options.image.any()) {
    PB_TRY(changed, change_images(options, editing));
  }
  if (changed) return editing.put_back(call, options.change, std::move(change));
  return apply_change(call, options.container, *editing.contents(), std::move(change),
                      options.change);
}

Status check_kind(const Call& call, const artifact::Contents& contents) {
  if (call.face == Face::patchbay) return Done{};
  const auto& payloads = contents.header.payloads;
  if (payloads.size() == 1 && payloads[0].type) return Done{};
  return Error{ErrorCode::unsupported,
               payloads.size() == 1 ? "an artifact with an empty payload cannot be modified"
                                    : "an artifact with several payloads cannot be modified"};
}

Status modify_artifact(const Call& call, const ModifyOptions& options) {
  PB_TRY(const artifact::Contents contents, read_for_change(options.container));
  PB_CHECK(check_kind(call, contents));
  artifact::Change change;
  if (!options.compression.empty()) {
    PB_TRY(change.compression, parse_compression(options.compression));
  }
  if (options.header.any()) {
    change.header = artifact::spec_of(contents.header);
    PB_CHECK(apply(options.header, call.face, *change.header));
  }
  if (options.image.any() || (options.header.name && may_know_the_name(contents)))
    return modify_inside(call, options, std::move(change));
  return apply_change(call, options.container, contents, std::move(change), options.change);
}

Status modify_any(const Call& call, const ModifyOptions& options) {
  if (options.container == "-")
    return Error{ErrorCode::invalid_input, "an artifact from standard input cannot be changed"};
  PB_TRY(const FileSystem kind, file_system_of(options.container));
  PB_TRY(const bool disk, is_disk(options.container));
  const bool is_image = disk || kind != FileSystem::none;
  return is_image ? modify_image_file(call, options) : modify_artifact(call, options);
}

}  // namespace

int modify(const Call& call) {
  ModifyOptions options;
  CLI::App app{"Changes what an artifact says, and settings in the root file system it carries."};
  app.add_option("artifact", options.container,
                 "The artifact, or an image of a file system or disk")
      ->required()
      ->type_name("ARTIFACT");
  add_header_options(app, options.header, call.face);
  add_image_options(app, options.image);
  app.add_option("--compression", options.compression,
                 "none, gzip[:1-12], xz[:0-9], zstd[:1-19] (default: stays)")
      ->type_name("ID");
  add_change_options(app, options.change, call.face);
  add_temporary_option(app, options.temporary);
  if (const auto code = parse(
          app, call,
          "  " + program_name(call.face) + " modify -n release-2 -k private.pem update.mender"))
    return *code;
  const auto modified = modify_any(call, options);
  return modified ? exit_code(call.face, Outcome::done) : fail(call, modified.error());
}

}  // namespace patchbay::artifact_tool
