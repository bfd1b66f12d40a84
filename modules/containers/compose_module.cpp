#include "modules/containers/compose_module.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "modules/containers/connection.hpp"
#include "modules/containers/health.hpp"
#include "modules/containers/images.hpp"
#include "modules/containers/keeper.hpp"
#include "modules/containers/kept.hpp"

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
constexpr const char* kSwitching = "switching";  // networks; containers change from here on

bool all_run(const std::vector<OldContainer>& containers) {
  return !containers.empty() &&
         std::all_of(containers.begin(), containers.end(),
                     [](const OldContainer& container) { return container.running; });
}

std::string label_of(const std::string& project) {
  return std::string{kComposeLabel} + "=" + project;
}

/// All of the project, without what `docker-compose run` has started beside it.
Result<std::vector<Container>> containers_of(const Engine& engine, const std::string& project) {
  PATCHBAY_TRY(auto containers, engine.containers(label_of(project)));
  std::erase_if(containers, [](const Container& container) {
    const auto found = container.labels.find("com.docker.compose.oneoff");
    return found != container.labels.end() && found->second == "True";
  });
  return containers;
}

/// Those that are not kept, but make the composition.
Result<std::vector<Container>> present(const Engine& engine, const std::string& project) {
  PATCHBAY_TRY(auto containers, containers_of(engine, project));
  std::erase_if(containers,
                [](const Container& container) { return name_of_kept(container).has_value(); });
  return containers;
}

std::vector<std::string> both(const std::set<std::string>& some, std::vector<std::string> others) {
  std::erase_if(others, [&](const std::string& entry) { return !some.contains(entry); });
  return others;
}

/// Those that the update has made.
Result<std::vector<Container>> news_of(const Engine& engine, const Record& record,
                                       const std::string& project) {
  PATCHBAY_TRY(auto containers, containers_of(engine, project));
  std::erase_if(containers, [&](const Container& container) {
    const auto& olds = record.old_containers();
    return std::any_of(olds.begin(), olds.end(),
                       [&](const OldContainer& old) { return old.id == container.id; });
  });
  return containers;
}

/// The engine may still be making one, for a program that has died since.
Result<std::vector<Container>> news_in_the_end(const Engine& engine, const Record& record,
                                               const std::string& project) {
  PATCHBAY_TRY(auto news, news_of(engine, record, project));
  if (record.count(kMaking) == record.count(kMade)) return news;
  const auto count = news.size();
  const auto end = std::chrono::steady_clock::now() + kLate;
  while (news.size() == count && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
    PATCHBAY_TRY(news, news_of(engine, record, project));
  }
  return news;
}

Status restore(const Engine& engine, const Record& record, const std::string& project) {
  PATCHBAY_TRY(const auto news, news_in_the_end(engine, record, project));
  for (const Container& container : news)
    PATCHBAY_CHECK(engine.remove(container.id));
  return bring_back(engine, record);
}

std::vector<std::string> ids_of(const std::vector<Engine::Network>& networks) {
  std::vector<std::string> ids;
  ids.reserve(networks.size());
  for (const auto& network : networks)
    ids.push_back(network.id);
  return ids;
}

/// When the containers on them are gone.
Status remove_new_networks(const Engine& engine, const Record& record, const std::string& project,
                           const Context& context) {
  const auto olds = record.note(kSwitching).value_or(std::vector<std::string>{});
  PATCHBAY_TRY(const auto networks, engine.networks(label_of(project)));
  for (const auto& network : networks) {
    if (std::find(olds.begin(), olds.end(), network.id) != olds.end()) continue;
    // Somebody else may be on it by now; that is no reason not to go back.
    if (const auto gone = engine.remove_network(network.id); !gone) {
      context.log("network " + network.name + " stays: " + gone.error().message());
    }
  }
  return Done{};
}

Status drop_kept(const Engine& engine, const Record& record) {
  for (const OldContainer& old : record.old_containers()) {
    PATCHBAY_TRY(const auto now, engine.container(old.id));
    if (now && name_of_kept(*now)) PATCHBAY_CHECK(engine.remove(old.id));
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
    compose.use(connection.engine().socket());
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

/// Keeps what the program replaces.
Status ComposeModule::start_new(const Work& work, Record& record, const Context& context) {
  const std::string manifests = work.releases.manifests_of(record.token());
  Keeper keeper{work.engine(), record};
  const Judge judge = [&](const GatewayRequest& request) { return keeper.judge(request); };
  const std::string socket = context.tmp_path("compose.sock");
  if (work.compose.kind() == Engine::Kind::docker) {
    return work.compose.up(work.project(), manifests, work.engine(), socket, judge);
  }
  // It would leave containers as they are whose manifests have changed, and has no way to tell.
  if (work.releases.same_as_current(record.token()) && all_run(record.old_containers())) {
    context.log("the composition runs as the artifact wants it; nothing changes");
    return Done{};
  }
  for (const OldContainer& old : record.old_containers())
    PATCHBAY_CHECK(keep(work.engine(), record, old));
  PATCHBAY_CHECK(record.add_note(kMaking, {}));
  PATCHBAY_CHECK(work.compose.up(work.project(), manifests, work.engine(), socket, judge));
  return record.add_note(kMade, {});
}

Status ComposeModule::switch_to_new(const Work& work, Record& record, Context& context) {
  PATCHBAY_CHECK(settle_kept(work.engine(), label_of(work.project())));
  PATCHBAY_TRY(const auto olds, containers_of(work.engine(), work.project()));
  PATCHBAY_CHECK(record.set_aside(described(olds)));
  PATCHBAY_TRY(const auto networks, work.engine().networks(label_of(work.project())));
  PATCHBAY_CHECK(record.add_note(kSwitching, ids_of(networks)));
  context.status("changing containers");
  PATCHBAY_CHECK(start_new(work, record, context));
  PATCHBAY_TRY(const auto news, present(work.engine(), work.project()));
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
  PATCHBAY_TRY(const auto containers, present(work.engine(), work.project()));
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
  Images images{work.engine(), record, context};
  PATCHBAY_CHECK(images.give_names_back());
  if (record.note(kSwitching)) {
    PATCHBAY_CHECK(restore(work.engine(), record, work.project()));
    PATCHBAY_CHECK(remove_new_networks(work.engine(), record, work.project(), context));
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
  const bool first = !previous || previous->front().empty();
  if (first && record.old_containers().empty()) return Done{};
  PATCHBAY_TRY(auto wanted, composition(context));
  const auto work = Work::begin(std::move(wanted), Work::Wait::no);
  if (!work) {
    // No reason to call a good update a failure.
    context.log("old containers and images stay until the next update: " + work.error().message());
    return Done{};
  }
  PATCHBAY_CHECK(drop_kept(work->engine(), record));
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
