#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/app/options.hpp"
#include "core/base/result.hpp"
#include "core/flow/outcome.hpp"

namespace patchbay::app {

/// Which request an outcome answers.
enum class Request : std::uint8_t { install, commit, rollback, resume };

/// Turns what happened into words and an exit code, in the spelling of one face.
class Presenter {
 public:
  virtual ~Presenter() = default;

  /// An artifact is about to be installed.
  virtual void installing(const std::string& artifact_name, std::size_t payloads) = 0;
  /// The update has come to an end or a stop. Returns the exit code.
  virtual int outcome(Request request, const flow::Outcome& outcome) = 0;
  /// An interrupted update was found and finished before the request itself.
  virtual void recovered(const flow::Outcome& outcome) = 0;
  /// There is no update that the request could act on. Returns the exit code.
  virtual int nothing_to_do() = 0;
  /// There is nothing to resume: the update waits for a person's commit or rollback. Returns the
  /// exit code.
  virtual int waits_for_commit(const std::string& artifact_name) = 0;
  /// The request was refused; nothing was touched. Returns the exit code.
  virtual int refused(Request request, const Error& error) = 0;
  /// Something has worked that is no request to change the device. Returns the exit code.
  virtual int done(const std::string& what) = 0;
  /// Something failed that is no request to change the device. Returns the exit code.
  virtual int failed(const Error& error) = 0;
};

std::unique_ptr<Presenter> make_presenter(const Options& options);

/// patchbay: people read standard error, programs read JSON on standard output.
std::unique_ptr<Presenter> make_patchbay_presenter(const Options& options);
/// Mender's texts on standard output, its exit codes.
std::unique_ptr<Presenter> make_mender_presenter(const Options& options);

}  // namespace patchbay::app
