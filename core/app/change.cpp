#include <memory>

#include "core/app/interruption.hpp"
#include "core/app/workplace.hpp"
#include "core/base/clock.hpp"
#include "core/fleet/deployment_record.hpp"
#include "core/flow/plan.hpp"

/// Commands that change the device.
namespace patchbay::app {
namespace {

using flow::Outcome;
using flow::Updater;

Result<std::unique_ptr<Workplace>> open_workplace(const Session& session) {
  PB_TRY(auto workplace, Workplace::open(session));
  if (session.options.face == Face::patchbay) tell_when_interrupted();
  return workplace;
}

/// A deployment that a server has ordered goes the server's way: nobody else goes on with it.
Result<std::optional<std::string>> deployment_under_way(const store::Store& store) {
  PB_TRY(const auto deployment, fleet::read_deployment(store));
  const bool is_open = deployment && deployment->result == fleet::DeploymentRecord::Result::open;
  if (!is_open) return std::optional<std::string>{};
  return std::optional{"the deployment " + printable(deployment->id) +
                       " of the server is under way; 'patchbay daemon' goes on with it"};
}

int present(const Session& session, Workplace& workplace, Request request,
            const Result<Outcome>& result) {
  workplace.console().clear();
  if (!result) {
    workplace.log().debug("refused: " + result.error().message());
    return session.presenter.refused(request, result.error());
  }
  workplace.log().debug("the update stands at: " + std::string{to_string(result->end)});
  return session.presenter.outcome(request, *result);
}

/// Under our own name `resume` runs at every boot, and must not commit what a person has to judge.
/// Mender's resume commits.
bool leaves_to_a_person(const Session& session, const flow::Journal& journal) {
  return session.options.face == Face::patchbay && journal.stopped && !journal.failed &&
         journal.state == flow::State::commit_enter;
}

/// Where an update can only be undone, nobody may take it further; what was interrupted goes back
/// by itself.
std::optional<Error> only_undoes(const Session& session, Request request,
                                 const flow::Journal& journal) {
  const auto& fault = session.device.fault();
  if (!fault || !journal.stopped || request == Request::rollback) return std::nullopt;
  return Error{fault->code(), fault->message() + "; mend that, or roll the update back"};
}

/// At every boot `resume` looks for work, and finds none of its own then.
int leave_to_the_daemon(const Session& session, Request request, const std::string& why) {
  if (request != Request::resume) {
    return session.presenter.refused(request, Error{ErrorCode::conflict, why});
  }
  session.log.warning(why);
  return session.presenter.nothing_to_do();
}

/// Opens the workplace, answers "nothing to do", and hands an update in progress to `act`.
template <typename Act>
int with_update(const Session& session, Request request, Act act) {
  auto workplace = open_workplace(session);
  if (!workplace) return session.presenter.refused(request, workplace.error());
  const auto deployment = deployment_under_way((*workplace)->store());
  if (!deployment) return session.presenter.refused(request, deployment.error());
  if (*deployment) return leave_to_the_daemon(session, request, **deployment);
  Updater& updater = (*workplace)->updater();
  const auto pending = updater.in_progress();
  if (!pending) return session.presenter.refused(request, pending.error());
  const bool before_install =
      *pending && !(*pending)->stopped && flow::row((*pending)->state).record.empty();
  if (!*pending) return session.presenter.nothing_to_do();
  if (const auto why = only_undoes(session, request, **pending)) {
    return session.presenter.refused(request, *why);
  }
  if (request == Request::resume && leaves_to_a_person(session, **pending)) {
    return session.presenter.waits_for_commit((*pending)->artifact_name);
  }
  (*workplace)->log().go_on(log_id((*pending)->deployment, (*pending)->started));
  if (request != Request::resume && !(*pending)->stopped) {
    auto recovered = updater.recover();
    if (!recovered) return session.presenter.refused(request, recovered.error());
    if (!before_install) return present(session, **workplace, request, **recovered);
    session.presenter.recovered(**recovered);
    return session.presenter.nothing_to_do();
  }
  return present(session, **workplace, request, act(updater));
}

/// Whether an interrupted update is finished before a new one. Mender's name refuses instead,
/// unless only a download was interrupted.
Status clear_the_way(const Session& session, Workplace& workplace) {
  PB_TRY(const auto deployment, deployment_under_way(workplace.store()));
  if (deployment) return Error{ErrorCode::conflict, *deployment};
  PB_TRY(const auto pending, workplace.updater().in_progress());
  if (!pending || pending->stopped) return Done{};
  const bool only_download = flow::row(pending->state).record.empty();
  if (session.options.face != Face::patchbay && !only_download) return Done{};
  workplace.log().go_on(log_id(pending->deployment, pending->started));
  PB_TRY(const auto recovered, workplace.updater().recover());
  if (recovered && !only_download) session.presenter.recovered(*recovered);
  return Done{};
}

Result<Outcome> install_from(const Session& session, Workplace& workplace, ByteSource& source) {
  PB_TRY(const artifact::ReaderOptions reader_options, session.device.reader_options());
  PB_TRY(artifact::Reader reader, artifact::Reader::open(source, reader_options));
  const artifact::Header& header = reader.header();
  session.presenter.installing(header.name,
                               flow::is_empty_payload(header) ? 0 : header.payloads.size());
  flow::InstallOptions options;
  options.started = utc_now();
  PB_TRY(const auto pending, workplace.updater().in_progress());
  if (!pending) workplace.log().begin(log_id("", options.started));
  workplace.log().debug("installing \"" + printable(header.name) + "\"");
  options.mode = session.options.unattended ? flow::Mode::unattended : flow::Mode::attended;
  options.stop_before = session.options.stop_before;
  if (session.options.strict) {
    options.reversibility = flow::InstallOptions::Reversibility::required;
  }
  return workplace.updater().install(reader, source.size(), options);
}

Result<Outcome> install_into(const Session& session, Workplace& workplace) {
  PB_CHECK(clear_the_way(session, workplace));
  PB_CHECK(apply_bootstrap(session, workplace.store()));
  PB_TRY(const auto source,
         fetch::open(session.options.source, session.device.transfer_options(), session.log));
  return install_from(session, workplace, *source);
}

}  // namespace

int install(const Session& session) {
  auto workplace = open_workplace(session);
  if (!workplace) return session.presenter.refused(Request::install, workplace.error());
  return present(session, **workplace, Request::install, install_into(session, **workplace));
}

int commit(const Session& session) {
  return with_update(session, Request::commit,
                     [&](Updater& updater) { return updater.commit(session.options.stop_before); });
}

int roll_back(const Session& session) {
  return with_update(session, Request::rollback, [&](Updater& updater) {
    return updater.roll_back(session.options.stop_before);
  });
}

int resume(const Session& session) {
  return with_update(session, Request::resume,
                     [&](Updater& updater) { return updater.resume(session.options.stop_before); });
}

Status apply_bootstrap(const Session& session, store::Store& store) {
  const std::string path = os::join(session.device.datastore(), "bootstrap.mender");
  PB_TRY(const auto name, store.read(store::kArtifactName));
  if (name || !os::exists(path)) return Done{};
  PB_TRY(UniqueFd fd, os::open_file(path, O_RDONLY));
  os::FdSource source{std::move(fd), path};
  PB_TRY(const artifact::ReaderOptions options, session.device.reader_options());
  auto reader = artifact::Reader::open(source, options);
  if (!reader || !flow::is_empty_payload(reader->header())) {
    session.log.warning("the bootstrap artifact " + path + " is not used: " +
                        (reader ? "it has a payload" : reader.error().message()));
    return Done{};
  }
  flow::Observer unseen;
  Updater updater{store, session.device.settings(), session.log, unseen};
  const auto outcome = updater.install(*reader, std::nullopt, {});
  if (!outcome) {
    session.log.warning("the bootstrap artifact " + path +
                        " is not used: " + outcome.error().message());
    return Done{};
  }
  return os::remove_tree(path);
}

}  // namespace patchbay::app
