#include "modules/containers/compose_module.hpp"

#include <algorithm>
#include <set>

#include "modules/containers/connection.hpp"
#include "modules/containers/health.hpp"
#include "modules/containers/images.hpp"

namespace patchbay::containers {

using module::Context;
using module::Description;
using module::Done;
using module::Error;
using module::Lines;
using module::Result;
using module::Status;

namespace {

// Notes in the record.
constexpr const char* kPrevious = "previous";    // release that was current, or empty; project
constexpr const char* kSwitching = "switching";  // whether the previous one was running
constexpr const char* kRunning = "running";

Result<std::vector<Container>> containers_of(const Engine& engine, const std::string& project) {
  return engine.containers(std::string{kComposeLabel} + "=" + project);
}

bool any_runs(const std::vector<Container>& containers) {
  return std::any_of(containers.begin(), containers.end(),
                     [](const Container& container) { return container.running; });
}

std::vector<std::string> both(const std::set<std::string>& some, std::vector<std::string> others) {
  std::erase_if(others, [&](const std::string& entry) { return !some.contains(entry); });
  return others;
}

/// The name proper of a container that Compose was recreating: meanwhile it has digits of an id and
/// `_` in front.
std::optional<std::string> name_after_recreation(const std::string& name) {
  constexpr std::size_t kDigits = 12;
  const bool in_between = name.size() > kDigits + 1 && name[kDigits] == '_' &&
                          name.find_first_not_of("0123456789abcdef") == kDigits;
  return in_between ? std::optional{name.substr(kDigits + 1)} : std::nullopt;
}

/// Where Compose was killed while it was recreating containers, it starts them later, but under the
/// names that they have at that time.
Status finish_names(const Engine& engine, const std::string& project) {
  PATCHBAY_TRY(const auto containers, containers_of(engine, project));
  for (const Container& container : containers) {
    const auto name = name_after_recreation(container.name);
    if (!name) continue;
    PATCHBAY_TRY(const auto other, engine.container(*name));
    if (!other || other->name != *name) PATCHBAY_CHECK(engine.rename(container.id, *name));
  }
  return Done{};
}

/// What an update that has been undone has put to the disk. Needs no engine.
Status remove_undone(const Record& record) {
  const auto previous = record.note(kPrevious);
  if (!previous) return Done{};
  PATCHBAY_TRY(const auto settings, read_settings());
  const Releases releases{settings.store, previous->back()};
  PATCHBAY_CHECK(releases.remove(record.token()));
  // Others may be left for the next Cleanup, which finds in them what images they have brought.
  return releases.current().empty() ? releases.remove_others() : Status{Done{}};
}

}  // namespace

struct ComposeModule::Work {
  Composition composition;
  Compose compose;
  Connection connection;
  Releases releases;
  std::vector<std::string> xdelta;

  [[nodiscard]] const Engine& engine() const { return connection.engine(); }
  [[nodiscard]] const std::string& project() const { return composition.project; }

  enum class Wait : std::uint8_t { no, for_engine };
  static Result<Work> begin(Composition composition, Wait wait) {
    PATCHBAY_TRY(const auto settings, read_settings());
    PATCHBAY_TRY(auto compose, Compose::find(settings));
    PATCHBAY_TRY(auto connection, wait == Wait::no ? Connection::open(compose.kind(), settings)
                                                   : Connection::wait(compose.kind(), settings));
    compose.use(connection.engine());
    Releases releases{settings.store, composition.project};
    return Work{std::move(composition), std::move(compose), std::move(connection),
                std::move(releases), settings.xdelta};
  }
};

Result<Composition> ComposeModule::composition(const Context& context) const {
  PATCHBAY_TRY(const auto meta_data, context.meta_data());
  return parse_composition(layout_, meta_data);
}

Result<std::optional<Description>> ComposeModule::describe(Context&) {
  const bool is_app = layout_ == Composition::Layout::app;
  PATCHBAY_TRY(auto settings, read_settings());
  return {Description{
      .type = is_app ? "app" : "docker-compose",
      .description = "Runs a composition of containers, and goes back to the one before.",
      .rollback = true,
      .reboot = Description::Reboots::never,
      .streams = false,
      .needs_rollback_space = false,
      .network = true,
      .writes = {std::move(settings.store)}}};
}

Result<Lines> ComposeModule::plan(Context& context) {
  PATCHBAY_TRY(const auto wanted, composition(context));
  PATCHBAY_TRY(const auto settings, read_settings());
  const bool is_there = !Releases(settings.store, wanted.project).current().empty();
  Lines lines{(is_there ? "replace the composition " : "start the composition ") + wanted.project};
  if (const auto compose = Compose::find(settings); !compose) {
    lines.push_back("not possible now: " + compose.error().message());
  }
  return lines;
}

// Refuse here what can never work: nothing has been sent yet.
Status ComposeModule::download(Context& context, module::PayloadStream&) {
  PATCHBAY_TRY(auto wanted, composition(context));
  PATCHBAY_CHECK(Work::begin(std::move(wanted), Work::Wait::no));
  return Done{};
}

Status ComposeModule::put_in_place(const Work& work, Record& record, Context& context) const {
  PATCHBAY_CHECK(record.begin());
  const std::string& release = record.token();
  PATCHBAY_CHECK(record.add_note(kPrevious, {work.releases.current(), work.project()}));
  PATCHBAY_CHECK(work.releases.make(release));
  const std::string manifests = work.releases.manifests_of(release);
  PATCHBAY_CHECK(unpack_manifests(work.composition, context, manifests));
  PATCHBAY_TRY(const auto names, work.compose.images(work.project(), manifests));

  Images images{work.engine(), record, context};
  std::set<std::string> uses;
  const auto bring = [&](const ImageArchive& archive) -> Status {
    PATCHBAY_CHECK(images.check_space({archive}));
    for (const ArchivedImage& image : archive.images)
      uses.insert(image.id);
    return images.bring(archive);
  };
  const DeltaDecoder decoder{work.engine(), work.xdelta, context};
  PATCHBAY_CHECK(for_each_image(work.composition, context, decoder, bring));
  for (const std::string& name : names) {
    PATCHBAY_TRY(const auto there, work.engine().image(name));
    if (there) {
      uses.insert(there->id);
    } else if (is_by_digest(name)) {
      PATCHBAY_TRY(const auto id, images.pull(name));
      uses.insert(id);
    } else {
      return Error{"image " + name +
                   " is not in the payload, not on the device, and not named by its digest "
                   "(name@sha256:...)"};
    }
  }
  PATCHBAY_CHECK(images.complete());
  auto brought = both(uses, work.releases.brought_by_any());
  const auto now = both(uses, record.new_images());
  brought.insert(brought.end(), now.begin(), now.end());
  PATCHBAY_CHECK(work.releases.write_images(release, {uses.begin(), uses.end()}, brought));
  context.progress(70);
  return switch_to_new(work, record, context);
}

Status ComposeModule::switch_to_new(const Work& work, Record& record, Context& context) {
  PATCHBAY_TRY(const auto olds, containers_of(work.engine(), work.project()));
  PATCHBAY_CHECK(record.add_note(kSwitching, {any_runs(olds) ? kRunning : ""}));
  context.status("changing containers");
  PATCHBAY_CHECK(work.compose.up(work.project(), work.releases.manifests_of(record.token())));
  PATCHBAY_TRY(const auto news, containers_of(work.engine(), work.project()));
  if (news.empty()) return Error{"the composition has started no container"};
  std::vector<std::string> ids;
  ids.reserve(news.size());
  for (const Container& container : news)
    ids.push_back(container.id);
  PATCHBAY_CHECK(wait_until_healthy(work.engine(), ids, work.composition.health, context));
  PATCHBAY_CHECK(work.releases.make_current(record.token()));
  return record.mark_installed();
}

Status ComposeModule::install(Context& context) {
  PATCHBAY_TRY(auto wanted, composition(context));
  PATCHBAY_TRY(auto record, Record::open(context));
  if (record.begun()) {
    if (!record.restored()) PATCHBAY_CHECK(undo(record, context));
    PATCHBAY_CHECK(record.forget());
  }
  PATCHBAY_TRY(const auto work, Work::begin(std::move(wanted), Work::Wait::no));
  auto done = put_in_place(work, record, context);
  if (done || !record.begun()) return done;
  context.log(done.error().message() + "; going back");
  if (auto back = undo(record, context); !back) {
    context.log("going back failed: " + back.error().message());
  }
  return done;
}

Status ComposeModule::commit(Context& context) {
  PATCHBAY_TRY(auto record, Record::open(context));
  if (!record.installed() || record.undoing()) return Error{"the composition is not installed"};
  PATCHBAY_TRY(auto wanted, composition(context));
  PATCHBAY_TRY(const auto work, Work::begin(std::move(wanted), Work::Wait::for_engine));
  PATCHBAY_TRY(const auto containers, containers_of(work.engine(), work.project()));
  for (const Container& container : containers) {
    if (!container.running) return Error{"container " + container.name + " does not run"};
  }
  return containers.empty() ? Status{Error{"no container of the composition is there"}} : Done{};
}

Status ComposeModule::undo(Record& record, Context& context) const {
  context.status("going back to the composition before");
  // The record needs room, too.
  PATCHBAY_CHECK(remove_unpacked(context));
  PATCHBAY_CHECK(record.mark_undoing());
  PATCHBAY_TRY(auto wanted, composition(context));
  PATCHBAY_TRY(const auto work, Work::begin(std::move(wanted), Work::Wait::for_engine));
  const auto previous = record.note(kPrevious);
  const std::string release = previous ? previous->front() : "";
  const auto switching = record.note(kSwitching);
  Images images{work.engine(), record, context};
  // What the old manifests call their images has to mean them again before they are started.
  PATCHBAY_CHECK(images.give_names_back());
  if (switching) {
    if (release.empty()) {
      PATCHBAY_CHECK(work.compose.down(work.project(), work.releases.manifests_of(record.token())));
    } else {
      PATCHBAY_CHECK(work.compose.up(work.project(), work.releases.manifests_of(release)));
      PATCHBAY_CHECK(finish_names(work.engine(), work.project()));
      if (switching->front() != kRunning) {
        PATCHBAY_CHECK(work.compose.stop(work.project(), work.releases.manifests_of(release)));
      }
    }
  }
  if (previous) PATCHBAY_CHECK(work.releases.make_current(release));
  PATCHBAY_CHECK(images.take_back());
  // A cut from here on may leave the new release: whoever is called next removes it.
  PATCHBAY_CHECK(record.mark_restored());
  return remove_undone(record);
}

Status ComposeModule::rollback(Context& context) {
  PATCHBAY_TRY(auto record, Record::open(context));
  if (!record.begun()) return Done{};
  if (record.restored()) return remove_undone(record);
  return undo(record, context);
}

Status ComposeModule::cleanup(Context& context) {
  PATCHBAY_TRY(auto record, Record::open(context));
  if (!record.begun()) return Done{};
  if (record.restored()) return remove_undone(record);
  if (!record.installed() || record.undoing()) return undo(record, context);
  const auto previous = record.note(kPrevious);
  if (!previous || previous->front().empty()) return Done{};
  PATCHBAY_TRY(auto wanted, composition(context));
  const auto work = Work::begin(std::move(wanted), Work::Wait::no);
  if (!work) {
    // No reason to call a good update a failure.
    context.log("old images stay: " + work.error().message());
    return Done{};
  }
  const auto used = work->releases.used_by_any();
  // Of earlier updates, too, whose Cleanup has found no engine.
  auto images = work->releases.brought_by_others();
  std::erase_if(images, [&](const std::string& id) {
    return std::find(used.begin(), used.end(), id) != used.end();
  });
  PATCHBAY_CHECK(Images(work->engine(), record, context).collect(images));
  return work->releases.remove_others();
}

}  // namespace patchbay::containers
