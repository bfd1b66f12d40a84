#include "modules/containers/container_module.hpp"

#include <algorithm>

#include "modules/containers/connection.hpp"
#include "modules/containers/image_archive.hpp"
#include "modules/containers/images.hpp"
#include "modules/containers/project.hpp"

namespace patchbay::containers {
namespace {

using module::Context;
using module::Description;
using module::Done;
using module::Error;
using module::Lines;
using module::Result;
using module::Status;

/// Before the payload is stored, its files are not known.
Result<Request> early_request_of(const Context& context) {
  PATCHBAY_TRY(const auto meta_data, context.meta_data());
  return parse_request(meta_data, std::nullopt);
}

Result<Request> request_of(const Context& context) {
  PATCHBAY_TRY(const auto meta_data, context.meta_data());
  PATCHBAY_TRY(const auto files, context.payload_files());
  std::vector<std::string> names;
  names.reserve(files.size());
  for (const auto& file : files)
    names.push_back(file.name);
  return parse_request(meta_data, names);
}

Result<std::vector<ImageArchive>> archives_of(const Context& context) {
  PATCHBAY_TRY(const auto files, context.payload_files());
  std::vector<ImageArchive> archives;
  for (const auto& file : files) {
    PATCHBAY_TRY(auto archive, read_image_archive(file.path));
    archives.push_back(std::move(archive));
  }
  return archives;
}

/// The image of the payload that `wanted` means: by the name of its file, or by its own.
Result<std::optional<std::string>> image_in(const std::vector<ImageArchive>& archives,
                                            const std::string& wanted) {
  for (const ImageArchive& archive : archives) {
    if (module::base_name(archive.path) == wanted) {
      if (archive.images.size() == 1) return std::optional{archive.images.front().id};
      return Error{wanted + " holds several images; name one of them instead of the file"};
    }
    for (const ArchivedImage& image : archive.images) {
      const bool named =
          std::find(image.names.begin(), image.names.end(), wanted) != image.names.end();
      if (named || image.id == wanted) return std::optional{image.id};
    }
  }
  return std::optional<std::string>{};
}

Status refuse_tag(const std::string& image) {
  return Error{"image " + image +
               " is neither in the payload nor named by its digest (name@sha256:...): a tag may "
               "mean another image tomorrow; \"allow-tags\": true in the meta-data allows it"};
}

Status check_sources(const Request& request, const std::vector<ImageArchive>& archives) {
  for (const Wanted& wanted : request.containers) {
    PATCHBAY_TRY(const auto archived, image_in(archives, wanted.image));
    if (archived || is_by_digest(wanted.image) || request.allow_tags) continue;
    return refuse_tag(wanted.image);
  }
  return Done{};
}

}  // namespace

Result<std::optional<Description>> ContainerModule::describe(Context&) {
  const std::string type = to_string(kind_);
  return {Description{.type = type,
                      .description = "Runs containers with " + type +
                                     ", and keeps those they replace until the update is final.",
                      .rollback = true,
                      .reboot = Description::Reboots::never,
                      .streams = false,
                      .needs_rollback_space = false,
                      .network = true,
                      .writes = {"*"}}};
}

Result<Lines> ContainerModule::plan(Context& context) {
  PATCHBAY_TRY(const auto request, early_request_of(context));
  Lines lines;
  if (request.containers.empty()) {
    lines.push_back("project " + request.project + ": run a container from each image file");
  }
  for (const Wanted& wanted : request.containers) {
    lines.push_back("project " + request.project + ": run " + wanted.name + " from " +
                    wanted.image + (is_by_digest(wanted.image) ? ", pulled if not there" : ""));
  }
  PATCHBAY_TRY(const auto settings, read_settings());
  const auto connection = Connection::open(kind_, settings);
  if (!connection) {
    lines.push_back("cannot tell what would be replaced: " + connection.error().message());
    return lines;
  }
  PATCHBAY_TRY(const auto olds,
               connection->engine().containers(std::string{kProjectLabel} + "=" + request.project));
  for (const Container& old : olds)
    lines.push_back("stop " + old.name + ", and remove it once the update is final");
  return lines;
}

// Refuse here what can never work: nothing has been sent yet.
Status ContainerModule::download(Context& context, module::PayloadStream&) {
  PATCHBAY_CHECK(early_request_of(context));
  PATCHBAY_TRY(const auto settings, read_settings());
  PATCHBAY_CHECK(Connection::open(kind_, settings));
  return Done{};
}

Status ContainerModule::put_in_place(const Engine& engine, const Request& request, Record& record,
                                     Context& context) const {
  PATCHBAY_TRY(const auto archives, archives_of(context));
  PATCHBAY_CHECK(check_sources(request, archives));
  Images images{engine, record, context};
  PATCHBAY_CHECK(images.check_space(archives));

  PATCHBAY_CHECK(record.begin());
  for (std::size_t i = 0; i < archives.size(); ++i) {
    PATCHBAY_CHECK(images.bring(archives[i]));
    context.progress(static_cast<unsigned>(70 * (i + 1) / archives.size()));
  }
  std::vector<Planned> planned;
  for (const Wanted& wanted : request.containers) {
    PATCHBAY_TRY(auto id, image_in(archives, wanted.image));
    if (!id) {
      PATCHBAY_TRY(id, images.pull(wanted.image));
    }
    planned.push_back({&wanted, *id});
  }
  PATCHBAY_CHECK(images.complete());
  context.progress(80);
  Project project{engine, request.project, record, context};
  PATCHBAY_CHECK(project.replace(planned, request.health));
  return record.mark_installed();
}

Status ContainerModule::install(Context& context) {
  PATCHBAY_TRY(const auto request, request_of(context));
  PATCHBAY_TRY(const auto settings, read_settings());
  PATCHBAY_TRY(auto record, Record::open(context));
  if (record.begun()) {
    if (!record.restored()) PATCHBAY_CHECK(undo(settings, record, context));
    PATCHBAY_CHECK(record.forget());
  }
  PATCHBAY_TRY(const auto connection, Connection::open(kind_, settings));
  auto done = put_in_place(connection.engine(), request, record, context);
  if (done || !record.begun()) return done;
  // The sooner the old ones run again the better, and some clients do not ask for a rollback.
  context.log(done.error().message() + "; going back");
  if (auto back = undo(settings, record, context); !back) {
    context.log("going back failed: " + back.error().message());
  }
  return done;
}

Status ContainerModule::commit(Context& context) {
  PATCHBAY_TRY(auto record, Record::open(context));
  if (!record.installed() || record.undoing()) return Error{"the containers are not installed"};
  PATCHBAY_TRY(const auto request, request_of(context));
  PATCHBAY_TRY(const auto settings, read_settings());
  PATCHBAY_TRY(const auto connection, Connection::wait(kind_, settings));
  return Project{connection.engine(), request.project, record, context}.check();
}

Status ContainerModule::undo(const Settings& settings, Record& record, Context& context) const {
  context.status("bringing the old containers back");
  PATCHBAY_CHECK(record.mark_undoing());
  PATCHBAY_TRY(const auto connection, Connection::wait(kind_, settings));
  PATCHBAY_CHECK(Project(connection.engine(), "", record, context).restore());
  PATCHBAY_CHECK(Images(connection.engine(), record, context).take_back());
  return record.mark_restored();
}

Status ContainerModule::rollback(Context& context) {
  PATCHBAY_TRY(auto record, Record::open(context));
  if (!record.begun() || record.restored()) return Done{};
  PATCHBAY_TRY(const auto settings, read_settings());
  return undo(settings, record, context);
}

Status ContainerModule::cleanup(Context& context) {
  PATCHBAY_TRY(auto record, Record::open(context));
  if (!record.begun() || record.restored()) return Done{};
  PATCHBAY_TRY(const auto settings, read_settings());
  if (!record.installed() || record.undoing()) return undo(settings, record, context);
  if (!Project::has_to_drop(record)) return Done{};
  const auto connection = Connection::open(kind_, settings);
  if (!connection) {
    // No reason to call a good update a failure: the next one of this project removes them.
    context.log("the old containers stay until the next update: " + connection.error().message());
    return Done{};
  }
  return Project{connection->engine(), "", record, context}.drop_old();
}

}  // namespace patchbay::containers
